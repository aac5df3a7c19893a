package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
)

// Engine runs a machine against an edge and a journal.
type Engine struct {
	machine *Machine
	edge    Edge
	journal Journal
	log     *slog.Logger
	now     func() time.Time

	events  *queue[posted]
	batches *queue[batch]
	view    view

	effects sync.WaitGroup
	stopMu  sync.Mutex
	stops   map[attemptKey]context.CancelFunc
}

type attemptKey struct {
	Key
	attempt int
}

// posted is an event with the channel that learns when its consequences are durable.
type posted struct {
	event Event
	done  chan error // nil when nobody waits
}

// batch is what one event changed and what follows from it.
type batch struct {
	executions []Execution
	wells      []Well
	effects    []Effect
	done       chan error
}

// Options are the parts an engine is made of; all but Now are required.
type Options struct {
	Config  Config
	Edge    Edge
	Journal Journal
	Logger  *slog.Logger
	Now     func() time.Time // default time.Now
}

// New returns an engine that does nothing until Run.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{
		machine: NewMachine(o.Config), edge: o.Edge, journal: o.Journal, log: o.Logger, now: o.Now,
		events: newQueue[posted](), batches: newQueue[batch](),
		view: newView(), stops: map[attemptKey]context.CancelFunc{},
	}
}

// Run works until ctx ends, then waits for every effect under way. Attempts are
// stopped by the end of ctx; drain first where they should not be.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var persister sync.WaitGroup
	var failure error
	persister.Go(func() {
		failure = e.persist(ctx)
		cancel()
	})
	e.apply(ctx)
	persister.Wait()
	e.effects.Wait()
	e.refuse()
	return failure
}

// apply feeds the machine until ctx ends.
func (e *Engine) apply(ctx context.Context) {
	alarm := newAlarm(e.now)
	defer alarm.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-alarm.timer.C:
			alarm.rang()
			e.events.put(posted{event: Tick{At{e.now()}}})
		case <-e.events.ready:
		}
		for _, p := range e.events.take() {
			executions, wells, effects := e.machine.Apply(p.event)
			rest := effects[:0]
			for _, f := range effects {
				if w, ok := f.(Wake); ok {
					alarm.set(w.Time)
					continue
				}
				rest = append(rest, f)
			}
			e.batches.put(batch{executions, wells, rest, p.done})
		}
	}
}

// persist makes batches durable, several at once when they have piled up, and
// then carries out their effects in order.
func (e *Engine) persist(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.batches.ready:
		}
		group := e.batches.take()
		executions, wells := coalesce(group)
		if len(executions)+len(wells) > 0 {
			failpoint.Hit("save")
			if err := e.journal.Save(ctx, executions, wells); err != nil {
				for _, b := range group {
					b.answer(err)
				}
				if ctx.Err() != nil {
					return nil //nolint:nilerr // being told to end is no failure
				}
				return err
			}
			failpoint.Hit("saved")
			e.view.update(executions, wells)
		}
		for _, b := range group {
			b.answer(nil)
			for _, f := range b.effects {
				if failpoint.Enabled {
					failpoint.Hit(fmt.Sprintf("effect %T", f))
				}
				e.perform(ctx, f)
			}
		}
	}
}

func (b batch) answer(err error) {
	if b.done != nil {
		b.done <- err
	}
}

// coalesce keeps the newest document of each execution and well.
func coalesce(group []batch) ([]Execution, []Well) {
	if len(group) == 1 {
		return group[0].executions, group[0].wells
	}
	var executions []Execution
	var wells []Well
	atExecution, atWell := map[string]int{}, map[Key]int{}
	for _, b := range group {
		for _, x := range b.executions {
			if i, ok := atExecution[x.ID]; ok {
				executions[i] = x
				continue
			}
			atExecution[x.ID] = len(executions)
			executions = append(executions, x)
		}
		for _, w := range b.wells {
			key := Key{w.Execution, w.Name}
			if i, ok := atWell[key]; ok {
				wells[i] = w
				continue
			}
			atWell[key] = len(wells)
			wells = append(wells, w)
		}
	}
	return executions, wells
}

// perform starts one effect.
func (e *Engine) perform(ctx context.Context, effect Effect) {
	switch f := effect.(type) {
	case Publish:
		e.edge.Publish(f.Change)
	case Stop:
		e.stopMu.Lock()
		stop := e.stops[attemptKey{f.Key, f.Attempt}]
		e.stopMu.Unlock()
		if stop != nil {
			stop()
		}
	case Compile:
		e.effects.Go(func() { e.compile(ctx, f.Execution) })
	case Start:
		e.attempt(ctx, f.Well, f.Attempt.Number, func(ctx context.Context, r Report) Ended {
			return e.edge.Start(ctx, f, r)
		})
	case Adopt:
		e.attempt(ctx, f.Well, f.Attempt.Number, func(ctx context.Context, r Report) Ended {
			return e.edge.Adopt(ctx, f, r)
		})
	case Commit:
		key := Key{f.Well.Execution, f.Well.Name}
		e.stoppable(ctx, attemptKey{key, f.Attempt}, func(ctx context.Context) Event {
			err := e.edge.Commit(ctx, f.Execution, f.Well, f.Attempt)
			return Committed{At{e.now()}, key, f.Attempt, text(err), WaitsFor(err)}
		})
	case Merge:
		e.stoppable(ctx, attemptKey{Key{Execution: f.Execution.ID}, 0}, func(ctx context.Context) Event {
			summary, err := e.edge.Merge(ctx, f.Execution, f.Wells)
			return Merged{At{e.now()}, f.Execution.ID, summary, text(err), WaitsFor(err)}
		})
	}
}

func (e *Engine) compile(ctx context.Context, x Execution) {
	compilation, err := e.edge.Compile(ctx, x)
	if err == nil {
		e.post(Compiled{At{e.now()}, x.ID, compilation})
		return
	}
	code := "internal"
	if errors.Is(err, ErrInvalidInput) {
		code = "invalid_input"
	}
	e.post(CompileFailed{At{e.now()}, x.ID, err.Error(), code, WaitsFor(err)})
}

// attempt runs one attempt.
func (e *Engine) attempt(ctx context.Context, w Well, number int, run func(context.Context, Report) Ended) {
	key := Key{w.Execution, w.Name}
	e.stoppable(ctx, attemptKey{key, number}, func(ctx context.Context) Event {
		ended := run(ctx, Report{
			Spawned: func(pid int, process json.RawMessage) error {
				return e.await(ctx, Spawned{At{e.now()}, key, number, pid, process})
			},
			Running: func() { e.post(Running{At{e.now()}, key, number}) },
		})
		ended.At, ended.Key, ended.Attempt = At{e.now()}, key, number
		return ended
	})
}

// stoppable runs an effect in a goroutine of its own and posts the event it comes
// to; it can be stopped from the moment this returns.
func (e *Engine) stoppable(ctx context.Context, key attemptKey, run func(context.Context) Event) {
	ctx, cancel := context.WithCancel(ctx)
	e.stopMu.Lock()
	e.stops[key] = cancel
	e.stopMu.Unlock()
	e.effects.Go(func() {
		event := run(ctx)
		e.stopMu.Lock()
		delete(e.stops, key)
		e.stopMu.Unlock()
		cancel()
		e.post(event)
	})
}

func (e *Engine) post(event Event) { e.events.put(posted{event: event}) }

// await posts an event and returns when what follows from it is durable.
func (e *Engine) await(ctx context.Context, event Event) error {
	done := make(chan error, 1)
	if !e.events.put(posted{event, done}) {
		return ErrStopped
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refuse answers those who still wait when the engine has ended.
func (e *Engine) refuse() {
	for _, p := range e.events.close() {
		if p.done != nil {
			p.done <- ErrStopped
		}
	}
	for _, b := range e.batches.close() {
		b.answer(ErrStopped)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
