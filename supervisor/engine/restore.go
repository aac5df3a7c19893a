package engine

import (
	"slices"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Restored: the records of an earlier server on the same data. It is the first
// event a machine gets, or none of this kind comes.
type Restored struct {
	At
	Sequence   int // of the newest submission
	Executions []Execution
	Wells      []Well
}

func (m *Machine) restored(e Restored) {
	m.sequence = e.Sequence
	slices.SortFunc(e.Executions, func(a, b Execution) int { return a.Sequence - b.Sequence })
	for _, x := range e.Executions {
		m.sequence = max(m.sequence, x.Sequence)
		if x.Stage == StageFinal {
			continue
		}
		x.Hold = nil
		m.add(x).restored = true
	}
	for _, w := range e.Wells {
		if r := m.executions[w.Execution]; r != nil && slices.Contains(r.Order, w.Name) {
			c := w.clone()
			r.wells[w.Name] = &c
		}
	}
	for _, r := range m.order {
		m.resume(r)
	}
}

// resume picks an execution up where its records leave it.
func (m *Machine) resume(r *run) {
	m.mend(r)
	m.forget(r)
	switch r.Stage {
	case StageCompiling:
		m.compile(r)
		if r.Cancelled {
			m.settle(r)
		}
		return
	case StageMerging:
		m.merge(r)
		return
	case StageReady, StageRunning, StageFinal: // a final one is not restored
	}
	r.recovered = true
	m.compile(r)
	for _, name := range r.Order {
		w := r.wells[name]
		if a := w.Last(); a != nil {
			r.peak = max(r.peak, a.PeakMemory)
		}
		switch w.Status {
		case enums.WellStarting, enums.WellRunning:
			m.adopt(r, w)
			if r.Cancelled {
				m.emit(Stop{Key{r.ID, name}, w.Last().Number})
			}
		case enums.WellCommitting:
			m.emit(Commit{r.Execution.clone(), w.clone(), w.Last().Number})
		case enums.WellRetryWait:
			w.NotBefore = earlier(w.NotBefore, m.now.Add(lastBackoff)) // the clock may have been set
			m.emit(Wake{w.NotBefore})
		case enums.WellPending:
			if r.Cancelled {
				m.cancelWell(r, w)
			}
		default: // it has ended
		}
	}
	m.settle(r)
}

// forget puts a plate of which nothing has run back to where it is compiled: what
// is on record may be of another version, or of a plate that was not complete yet.
func (m *Machine) forget(r *run) {
	if r.Stage != StageReady || r.Cancelled {
		return
	}
	for _, w := range r.wells {
		if w.Status != enums.WellPending || len(w.Attempts) > 0 { // or kept from an earlier run
			return
		}
	}
	r.Stage, r.Order, r.wells, r.Plan, r.Opened = StageCompiling, nil, map[string]*Well{}, nil, true
	m.touch(r)
}

// mend puts wells back whose record is gone: they are run again, and an
// execution that was about to merge waits for them.
func (m *Machine) mend(r *run) {
	for _, name := range r.Order {
		if r.wells[name] != nil {
			continue
		}
		w := &Well{Execution: r.ID, Name: name, Status: enums.WellPending}
		r.wells[name] = w
		m.touchWell(w)
		if r.Stage == StageMerging {
			r.Stage = StageRunning
			m.touch(r)
		}
	}
}

// recompiled takes the plan of a restored execution: its wells keep their
// state, and only what the plan knows better is taken over.
func (m *Machine) recompiled(r *run, e Compiled) {
	r.recovered = false
	m.reached(r)
	plan := map[string]CompiledWell{}
	for _, c := range e.Wells {
		plan[c.Name] = c
	}
	for _, name := range r.Order {
		w := r.wells[name]
		c, ok := plan[name]
		switch {
		case ok:
			if w.Reason != enums.ReasonOutOfMemory { // else it was found to need more
				w.Cost, w.Estimate = c.Cost, c.Estimate
			}
			if w.Origin != c.Origin && (w.Status == enums.WellPending || w.Status == enums.WellRetryWait) {
				w.Origin = c.Origin // its images are others by now
				m.touchWell(w)
			}
		case !ok && (w.Status == enums.WellPending || w.Status == enums.WellRetryWait):
			m.failWell(r, w, enums.ReasonInputUnreadable, "the plate has no images of this well any more")
		}
	}
	if r.Stage != StageMerging { // there the merge itself finds out
		m.roomAgain(r)
	}
	m.settle(r)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
