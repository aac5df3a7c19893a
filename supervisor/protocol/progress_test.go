package protocol

import (
	"encoding/json"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// latest registers for progress and returns the latest event of every well of an
// execution, "" being the plate.
func latest(t *testing.T, w *harness.World, id string) map[string]*progress.Event {
	t.Helper()
	var registration message.Registration
	if err := w.Client().Call(w.Context(), message.RegisterProgress{ClientID: "late"}, &registration); err != nil {
		t.Fatal(err)
	}
	events := map[string]*progress.Event{}
	for _, fields := range registration.Events {
		frame, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		event, err := progress.ParseJSON(frame) // which validates it
		if err != nil {
			t.Fatalf("%s: %v", frame, err)
		}
		if event.GetExecution() == id {
			events[event.GetWell()] = event
		}
	}
	return events
}

// What the wells of an interrupted plate came to is told by the next server too,
// with numbers above those of the one before.
func TestProgressAcrossARestart(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "1")
	id := w.Submit(small(w), harness.Fault("fault_sleep", "duration: 600, wells: [A02]"))
	w.Await(id, "well A02 to run", nil, func(e *progress.Event) bool { return e.GetWell() == "A02" && e.GetPhase() == "step_started" })
	before := latest(t, w, id)
	if e := before["A01"]; e.GetPhase() != "axis_completed" || e.GetPercent() != 100 {
		t.Fatalf("well A01: %v", e)
	}
	s.Kill()
	w.Serve("--workers", "1")
	eventually(t, "the plate to be taken up", func() bool { return w.Status(id).Status == "running" })
	after := latest(t, w, id)
	if e := after["A01"]; e.GetPhase() != "axis_completed" || e.GetPercent() != 100 || e.GetSequence() <= before["A01"].GetSequence() {
		t.Errorf("well A01 was %v and is %v", before["A01"], e)
	}
	if e := after[""]; e.GetCompleted() != 1 || e.GetTotal() != 3 || int(e.GetPercent()) != 33 {
		t.Errorf("the plate: %v", e)
	}
	w.OK("cancel", id)
	if x := w.AwaitEnd(id); x.Status != "cancelled" {
		t.Errorf("the plate ended as %s", x.Status)
	}
	for well, phase := range map[string]string{"": "cancelled", "A01": "axis_completed", "A02": "cancelled", "A03": "cancelled"} {
		if e := latest(t, w, id)[well]; e.GetPhase() != phase {
			t.Errorf("%q ended as %v", well, e)
		}
	}
}
