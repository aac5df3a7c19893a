package server

import (
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// Ten wells of 30 s are ahead in two slots, so a queued plate starts in 150 s;
// nobody guesses before a well has given a pace.
func TestStartOfAQueuedPlateIsEstimated(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	wells := []engine.Well{{
		Execution: "first", Name: "A01", Status: enums.WellComplete,
		Attempts: []engine.Attempt{{Number: 1, Started: began, Ended: began.Add(30 * time.Second)}},
	}}
	order := []string{"A01"}
	for n := range 10 {
		name := string(rune('B' + n))
		order = append(order, name)
		wells = append(wells, engine.Well{Execution: "first", Name: name, Status: enums.WellPending})
	}
	first := engine.Execution{ID: "first", Sequence: 1, Status: enums.ExecutionRunning, Stage: engine.StageRunning, Order: order}
	second := engine.Execution{ID: "second", Sequence: 2, Status: enums.ExecutionQueued, Stage: engine.StageReady}
	estimate := func(known []engine.Well) *float64 {
		e := engine.New(engine.Options{})
		e.Restore(2, []engine.Execution{first, second}, known)
		s := &Server{options: Options{Workers: 2}, engine: e}
		return s.startsIn(second)
	}
	if got := estimate(wells); got == nil || *got != 150 {
		t.Errorf("got %v, want 150 s", got)
	}
	if got := estimate(wells[1:]); got != nil {
		t.Errorf("guessed %v without a pace", *got)
	}
}
