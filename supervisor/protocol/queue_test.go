package protocol

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Server, clients, workers and queue from their start to their end: two plates
// run, a third is cancelled, the server stops, and nothing is left.
func TestTwoPlatesAndACancelledThird(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "2")
	first, second, third := w.Submit(small(w), harness.Nuclei), w.Submit(small(w), harness.Nuclei), w.Submit(small(w), slow)
	for _, id := range []string{first, second} {
		if x := w.AwaitEnd(id); x.Status != "complete" || x.ResultsSummary == nil || x.ResultsSummary.Complete != 3 {
			t.Errorf("a plate ended as %s: %s", x.Status, text(x.Error))
		}
	}
	w.AwaitRunning(third)
	w.OK("cancel", third)
	if x := w.AwaitEnd(third); x.Status != "cancelled" {
		t.Errorf("the third plate ended as %s", x.Status)
	}
	if r := s.Stop(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if pids := w.Processes(); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
	left, err := filepath.Glob(filepath.Join(w.Places.Run, "*.sock"))
	if err != nil || len(left) > 0 {
		t.Errorf("sockets are left: %v, %v", left, err)
	}
	if inside, err := os.ReadDir(w.Places.Workers()); err == nil && len(inside) > 0 {
		t.Errorf("the workers' folder holds %v", inside)
	}
}

// First come first served, but for priority; the status tells who waits where
// and how long what runs will take.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "1")
	c := w.Client()
	folder := small(w)
	submit := func(name string, priority int, position string) string {
		t.Helper()
		accepted, err := c.Submit(w.Context(), message.Execute{
			PlateID: folder, OutputPath: w.Path(name), ExecutionPlateID: name, Priority: priority, WellFilter: "2",
			PipelineCode: harness.Fault("fault_sleep", "duration: 0.1"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(accepted.Message, position) {
			t.Errorf("%s: %s, want %s", name, accepted.Message, position)
		}
		return accepted.ExecutionID
	}
	running := w.Submit(small(w), slow)
	w.AwaitRunning(running)
	ids := map[string]string{}
	ids["one"] = submit("one", 0, "position: 1)")
	ids["two"] = submit("two", 0, "position: 2)")
	ids["urgent"] = submit("urgent", 5, "position: 1)")
	ids["idle"] = submit("idle", -5, "position: 4)")
	order := []string{"urgent", "one", "two", "idle"}
	overview, err := c.Overview(w.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range overview.QueuedExecutions {
		if i >= len(order) || q.PlateID != order[i] || q.QueuePosition != i+1 {
			t.Errorf("place %d of the queue: %+v", i+1, q)
		}
		if x := w.Status(q.ExecutionID); x.QueuePosition != i+1 || x.Status != "queued" {
			t.Errorf("%s: position %d, %s", q.PlateID, x.QueuePosition, x.Status)
		}
	}
	w.OK("cancel", running)
	before := 0.0
	for _, name := range order {
		x := w.AwaitEnd(ids[name])
		if x.Status != "complete" || x.StartTime == nil || *x.StartTime < before {
			t.Fatalf("%s ended as %s, started at %v, not after %v", name, x.Status, x.StartTime, before)
		}
		before = *x.StartTime
	}
}

// Slots that one execution cannot fill go to the next, and the status estimates
// how long what runs will take.
func TestNextOneFillsIn(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2")
	folder := small(w)
	first := w.Submit(folder, slow, "--wells", "1", "--out", w.Path("first"))
	second := w.Submit(folder, harness.Fault("fault_sleep", "duration: 600, wells: [A03]"), "--out", w.Path("second"))
	w.AwaitRunning(first)
	w.Await(second, "an estimate after two wells", func(x message.Execution) bool { return x.TimeLeft != nil }, nil)
	x, y := w.Status(first), w.Status(second)
	if x.Status != "running" || y.Status != "running" {
		t.Errorf("the executions are %s and %s", x.Status, y.Status)
	}
	if y.Percent <= 0 || y.Percent >= 100 {
		t.Errorf("the second one is at %g %%", y.Percent)
	}
}
