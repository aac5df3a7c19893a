//go:build linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A server with less memory than its slots could use runs fewer wells at once,
// says so, and no well is killed.
func TestFaultMemoryIsShort(t *testing.T) {
	t.Parallel()
	group := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("wellhouse-test-%d", os.Getpid()))
	limit := "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		group, limit = filepath.Join("/sys/fs/cgroup", filepath.Base(group)), "memory.max"
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no control group of memory can be made here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(group, limit), []byte("640M"), 0o600); err != nil {
		_ = os.Remove(group)
		t.Skipf("a control group cannot be limited here: %v", err)
	}
	binary, err := buildFailpoints() // without a race detector, which takes memory
	if err != nil {
		t.Fatal(err)
	}
	madeFailpoints.Store(true)
	inside := filepath.Join(t.TempDir(), "supervisor")
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" != serve ] || echo $$ >%s/cgroup.procs || exit 9\nexec %s \"$@\"\n", group, binary)
	if err := os.WriteFile(inside, []byte(script), 0o755); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the world's: the server is gone
		if err := os.Remove(group); err != nil {
			t.Errorf("the control group is still in use: %v", err)
		}
	})
	w := harness.NewWith(t, inside)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "8", "--spares", "0")
	// Each takes about 70 MiB. All eight slots fill at first, when nothing is
	// measured; then 640 MiB less what the server keeps free are room for four.
	id := w.Submit(plateOf(t, w, 24), steps("fault_memory", "bytes: 67108864")+
		"  - {name: hold, from: pipeline_start, function: fault_sleep, with: {duration: 0.3}}\n", "--retries", "0")
	w.Await(id, "the hold for memory", nil, func(e *progress.Event) bool {
		return strings.HasPrefix(e.GetMessage(), "holding back: ") && strings.Contains(e.GetMessage(), "of memory")
	})
	most := 0
	w.Await(id, "the end", func(x message.Execution) bool {
		running := 0
		for _, v := range x.Wells {
			if v.Status == enums.WellStarting || v.Status == enums.WellRunning {
				running++
			}
		}
		if done := x.Percent; done > 50 {
			most = max(most, running)
		}
		return x.Status.Final()
	}, nil)
	if most > 5 {
		t.Errorf("%d wells ran at once", most)
	}
	check(t, w, w.Status(id), expectation{wells: 24})
}
