//go:build linux

package faults

import (
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A server is killed and none comes back: what the workers' tasks started, in
// their groups and in sessions of their own, ends with the workers, whether these
// come to their end, give up or are told to end.
func TestFaultNoServerComesBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seconds, grace string
		told           bool
	}{
		"done":       {"2", "10m", false},
		"gives up":   {"600", "1s", false},
		"terminated": {"600", "10m", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			w.Setenv("WELLHOUSE_ORPHAN_GRACE", test.grace)
			server := w.Serve("--workers", "1", "--spares", "0")
			id := w.Submit(plateOf(t, w, 2), steps("fault_grandchild", "wells: [A01]")+
				"  - {name: apart, from: pipeline_start, function: fault_grandchild, with: {session: true, wells: [A01]}}\n"+
				"  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: "+test.seconds+", wells: [A01]}}\n")
			w.Await(id, "a waiting worker", nil, started("A01", "wait"))
			pid := pidOf(t, w, "A01")
			var left []int
			for _, p := range w.Processes() {
				if p != server.Pid() {
					left = append(left, p)
				}
			}
			if len(left) != 3 {
				t.Fatalf("processes %v, want a worker and two that it started", left)
			}
			server.Kill()
			if test.told {
				if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range left {
				if !harness.AwaitGone(p, gone) {
					t.Errorf("process %d is left (the worker is %d)", p, pid)
				}
			}
		})
	}
}
