package server

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// told collects what a board publishes; its lock is the board's.
type told struct{ events []*progress.Event }

func (t *told) board() *board {
	return newBoard(newClock().now, func(e *progress.Event) { t.events = append(t.events, e) })
}

func change(id, well string, status enums.WellStatus, phase enums.Phase) engine.Change {
	c := engine.Change{Execution: engine.Execution{ID: id, Plate: "p", Status: enums.ExecutionRunning}, Phase: phase, Status: enums.ProgressRunning}
	if well != "" {
		c.Well = &engine.Well{Execution: id, Name: well, Status: status, Attempts: []engine.Attempt{{Number: 1}}}
	}
	return c
}

func fromWorker(id, well string, attempt int32, phase enums.Phase, percent float64) *progress.Event {
	return &progress.Event{Execution: id, Well: well, Attempt: attempt, Phase: string(phase), Status: string(enums.ProgressRunning), Percent: percent}
}

// A replay never comes between a new event and the one it replaces: whoever
// keeps the newest per well by order of arrival is right.
func TestReplayNeverOvertakes(t *testing.T) {
	t.Parallel()
	var heard told
	b := heard.board()
	b.announce("x", []string{"A01"}, []string{"s"})
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 1000 {
			b.fromWorker(fromWorker("x", "A01", 1, enums.PhasePatternGroup, float64(i)/10))
		}
	})
	group.Go(func() {
		for range 1000 {
			b.replay()
		}
	})
	group.Wait()
	if !slices.IsSortedFunc(heard.events, func(a, b *progress.Event) int { return int(a.GetSequence()) - int(b.GetSequence()) }) {
		t.Error("an old event was told after a newer one")
	}
}

func TestReplayIsBounded(t *testing.T) {
	t.Parallel()
	var heard told
	b := heard.board()
	for plate := range 8 {
		id := fmt.Sprint(plate)
		var wells []string
		for i := range 1536 {
			wells = append(wells, fmt.Sprintf("W%04d", i))
		}
		b.announce(id, wells, nil)
		for _, w := range wells {
			b.fromEngine(change(id, w, enums.WellRunning, enums.PhaseAxisStarted))
		}
		if plate != 0 { // the first one still runs
			end := change(id, "", "", enums.PhaseSuccess)
			end.Execution.Status = enums.ExecutionComplete
			b.fromEngine(end)
		}
	}
	known := b.latest()
	if len(known) > mostReplayed {
		t.Errorf("a replay has %d events", len(known))
	}
	if !slices.ContainsFunc(known, func(e *progress.Event) bool { return e.GetExecution() == "0" }) {
		t.Error("the plate that runs is left out")
	}
}

// Late and strange events of workers change nothing.
func TestOvertakenEventsAreDropped(t *testing.T) {
	t.Parallel()
	var heard told
	b := heard.board()
	b.announce("x", []string{"A01"}, []string{"s"})
	b.fromEngine(change("x", "A01", enums.WellRunning, enums.PhaseAxisStarted))
	b.fromEngine(change("x", "A01", enums.WellComplete, enums.PhaseAxisCompleted))
	n := len(heard.events)
	b.fromWorker(fromWorker("x", "A01", 1, enums.PhaseStepStarted, 50)) // its well is over
	b.fromWorker(fromWorker("x", "A01", 0, enums.PhaseStepStarted, 50)) // an earlier attempt
	b.fromWorker(fromWorker("x", "B99", 1, enums.PhaseStepStarted, 50)) // no well of the plate
	b.fromWorker(fromWorker("y", "A01", 1, enums.PhaseStepStarted, 50)) // no execution of ours
	b.fromWorker(fromWorker("x", "A01", 1, enums.PhaseAxisError, 50))   // not for a worker to tell
	if len(heard.events) != n {
		t.Errorf("told %v", heard.events[n:])
	}
	for _, e := range heard.events {
		if err := e.Validate(); err != nil {
			t.Error(err)
		}
	}
}
