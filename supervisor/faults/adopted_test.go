//go:build linux

package faults

import (
	"os"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A worker that was taken over is under its time limit although the plate's share
// is away, and with it all that could tell the limit again.
func TestFaultAdoptedWorkerTimesOutWithoutItsPlate(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "1", "--spares", "0")
	plate := plateOf(t, w, 1)
	id := w.Submit(plate, steps("fault_hang", "wells: [A01]"), "--retries", "0", "--set", "timeout=6s", "--set", "grace=1s")
	w.Await(id, "a worker that hangs", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	if err := os.Rename(plate, plate+".away"); err != nil {
		t.Fatal(err)
	}
	w.Serve("--workers", "1", "--spares", "0")
	if !harness.AwaitGone(pid, harness.Patience) {
		t.Fatal("the worker goes on beyond its limit")
	}
	if err := os.Rename(plate+".away", plate); err != nil {
		t.Fatal(err)
	}
	x := w.AwaitEnd(id)
	if x.Status != enums.ExecutionFailed || len(x.Wells) != 1 || x.Wells[0].Reason != string(enums.ReasonTimeout) || x.Wells[0].Attempts != 1 {
		t.Errorf("it ended as %s: %+v", x.Status, x.Wells)
	}
}
