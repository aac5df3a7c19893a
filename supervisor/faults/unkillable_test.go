//go:build linux

package faults

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A worker that no signal ends (it is stuck in the kernel, or so it seems) costs
// its well and its slot, by name; the plate goes on in the others, also when
// there is just one.
func TestFaultStuckInTheKernel(t *testing.T) {
	t.Parallel()
	for round := range count(1, 10) {
		w := failpointWorld(t)
		w.Setenv("WELLHOUSE_FAULTS", "1")
		stuck := w.Write("stuck", "")
		w.Setenv("WELLHOUSE_FAILPOINT_STUCK", stuck)
		w.Serve("--workers", []string{"2", "1"}[round%2], "--spares", "0")
		pipeline := steps("fault_ignore_stop", "wells: [A01]")
		id := w.Submit(plateOf(t, w, 4), pipeline, "--set", "timeout=1s", "--set", "grace=1s")
		var pid int
		w.Await(id, "the stuck worker", func(x message.Execution) bool {
			pid = pidOf(t, w, "A01")
			return pid != 0
		}, nil)
		x := w.AwaitEnd(id)
		// It is still there; whatever else must hold, holds.
		if harness.AwaitGone(pid, 0) {
			t.Error("the stuck worker is gone")
		}
		if problem := examine(t, x, expectation{4, map[string]want{"A01": {enums.WellFailed, enums.ReasonUnkillable}}}); problem != "" {
			t.Error(problem)
		}
		for _, v := range x.Wells {
			if v.Well == "A01" && !strings.Contains(v.Error, "cannot be killed") {
				t.Errorf("it is told as %q", v.Error)
			}
		}
		// Another plate runs beside it.
		x = w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", w.Path("other")))
		if problem := examine(t, x, expectation{wells: 4}); problem != "" {
			t.Error(problem)
		}
		if err := os.Remove(stuck); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
			t.Errorf("end the stuck worker: %v", err)
		}
		if !harness.AwaitGone(pid, gone) {
			t.Error("the stuck worker does not end")
		}
	}
}

// pidOf is the worker of a well, 0 when it has none.
func pidOf(t *testing.T, w *harness.World, well string) int {
	t.Helper()
	var tree message.PsReply
	if err := w.Client().Call(w.Context(), message.Ps{}, &tree); err != nil {
		t.Fatal(err)
	}
	for _, p := range tree.Tree.Children {
		if p.Well == well {
			return p.PID
		}
	}
	return 0
}
