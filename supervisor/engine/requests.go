package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// ErrFinal is returned for a request that would change a final state.
var ErrFinal = errors.New("the execution has ended")

// ErrUnknown is returned for an execution the engine does not hold.
var ErrUnknown = errors.New("no such execution")

// Restore hands the engine the executions that had not ended when an earlier
// server did, and the sequence of its newest submission. Call it once, before
// Run.
func (e *Engine) Restore(sequence int, executions []Execution, wells []Well) {
	e.view.update(executions, wells)
	e.post(Restored{At{e.now()}, sequence, executions, wells})
}

// Submit queues an execution; it returns once it is durable.
func (e *Engine) Submit(ctx context.Context, x Execution) error {
	if err := e.await(ctx, Submitted{At{e.now()}, x}); err != nil {
		return fmt.Errorf("queue execution: %w", err)
	}
	return nil
}

// Position is an execution's place in the queue; 1 means that nothing is ahead
// of it.
func (e *Engine) Position(id string) int {
	position := 0
	for _, x := range e.Executions() {
		if x.Status == enums.ExecutionQueued {
			position++
		}
		if x.ID == id {
			break
		}
	}
	return max(1, position)
}

// Cancel asks one execution to end and returns how many of its processes run.
func (e *Engine) Cancel(ctx context.Context, id string) (int, error) {
	x, wells, ok := e.Execution(id)
	if !ok {
		return 0, ErrUnknown
	}
	if x.Status.Final() {
		return 0, ErrFinal
	}
	running := 0
	for _, w := range wells {
		if w.Status == enums.WellStarting || w.Status == enums.WellRunning {
			running++
		}
	}
	return running, e.await(ctx, CancelAsked{At{e.now()}, id})
}

// CancelAll asks every execution to end.
func (e *Engine) CancelAll(ctx context.Context) error {
	return e.await(ctx, CancelAsked{At{e.now()}, ""})
}

// Drain starts no further well; with stop it also ends those that run, to be
// taken up by the next server on the same data.
func (e *Engine) Drain(ctx context.Context, stop bool) error {
	return e.await(ctx, Draining{At{e.now()}, stop})
}

// SampleMemory tells the engine what is free and what its workers hold, in bytes.
func (e *Engine) SampleMemory(available, used int64) {
	e.post(MemorySampled{At{e.now()}, available, used})
}

// Release tells the engine that a process set aside as unkillable has gone.
func (e *Engine) Release(key Key) { e.post(Released{At{e.now()}, key}) }
