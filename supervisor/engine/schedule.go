package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// schedule retries what is held and due, then fills free slots: executions by
// priority and age, so that a later one's wells run in slots an earlier one
// cannot fill; inside an execution, wells expected to be long first.
func (m *Machine) schedule() {
	for _, r := range m.order {
		m.probe(r)
	}
	if m.draining {
		return
	}
	for _, r := range m.order {
		if m.soonReady(r) {
			if m.othersWait(r) && !r.awaited {
				r.awaited = true
				m.emit(Wake{r.patience})
			}
			return // nobody overtakes it just because its plate takes longer to read
		}
		short := ""
		for m.free() > 0 && short == "" {
			w := m.next(r)
			if w == nil {
				break
			}
			if short = m.shortOfMemory(r, w); short == "" {
				m.start(r, w, m.threads())
			}
		}
		if m.holdBack(r, short); short != "" {
			return // nothing smaller overtakes: the large well would starve
		}
	}
}

// compilePatience is how long the wells of later executions wait for one that is
// still being checked: a plate on a share that hangs must not stop the others.
const compilePatience = 10 * time.Second

// soonReady tells that an execution is being checked and has not taken too long.
func (m *Machine) soonReady(r *run) bool {
	compiling := r.Stage == StageCompiling && !r.CompileOnly || r.recovered
	return compiling && !r.Cancelled && r.Hold == nil && r.patience.After(m.now)
}

// compile has an execution checked; those behind it wait for a while.
func (m *Machine) compile(r *run) {
	r.patience, r.awaited = m.now.Add(compilePatience), false
	m.recompile(r)
}

// recompile has an execution checked, unless that is under way: it may take for
// ever, on a share that hangs.
func (m *Machine) recompile(r *run) {
	if !r.compiling {
		r.compiling = true
		m.emit(Compile{r.Execution.clone()})
	}
}

// othersWait tells that an execution behind r could start a well.
func (m *Machine) othersWait(r *run) bool {
	behind := m.order[slices.Index(m.order, r)+1:]
	return m.free() > 0 && slices.ContainsFunc(behind, func(o *run) bool { return m.next(o) != nil })
}

// free is the number of slots without an attempt in them. A slot whose process
// cannot be killed is set aside, but never the last one: the plate goes on.
func (m *Machine) free() int {
	n := max(1, m.config.Workers-len(m.aside))
	for _, r := range m.order {
		n -= r.running
	}
	return n
}

// next returns the well of r to start now, or nil.
func (m *Machine) next(r *run) *Well {
	if r.Stage != StageReady && r.Stage != StageRunning || r.Cancelled || r.recovered {
		return nil
	}
	if r.Workers > 0 && r.running >= r.Workers {
		return nil
	}
	if r.Hold != nil && r.Hold.Cause != HoldMemory && !(r.probing && r.running == 0) {
		return nil
	}
	var best *Well
	for _, name := range r.Order {
		w := r.wells[name]
		if m.startable(w) && (best == nil || before(w, best)) {
			best = w
		}
	}
	return best
}

// before tells which of two wells of an execution starts first: one that found no
// room may have filled the disk itself, and lets the others go first.
func before(v, w *Well) bool {
	if a, b := roomless(v), roomless(w); a != b {
		return a < b
	}
	return v.Cost > w.Cost
}

func (m *Machine) startable(w *Well) bool {
	return w.Status == enums.WellPending || w.Status == enums.WellRetryWait && !w.NotBefore.After(m.now)
}

// threads shares the cores among the wells that can run at once.
func (m *Machine) threads() int {
	remaining := 0
	for _, r := range m.order {
		waiting := 0
		for _, w := range r.wells {
			if w.Status == enums.WellPending || w.Status == enums.WellRetryWait {
				waiting++
			}
		}
		active := r.running + waiting
		if r.Workers > 0 {
			active = min(active, r.Workers)
		}
		remaining += active
	}
	return max(1, m.config.Cores/max(1, min(m.config.Workers, remaining)))
}

// shortOfMemory says why memory has no room for one more well, "" when it has.
// With nothing running a well always starts: a machine too small for one well
// should say so by failing it, not by waiting.
func (m *Machine) shortOfMemory(r *run, w *Well) string {
	running := int64(0)
	attempts := 0
	for _, o := range m.order {
		attempts += o.running
		for _, name := range o.Order {
			if v := o.wells[name]; (v.Status == enums.WellStarting || v.Status == enums.WellRunning) && !o.unjudged[name] {
				running += need(o, v)
			}
		}
	}
	budget := m.memory.Available + m.memory.Used - m.config.ReserveMemory
	if attempts == 0 || m.memory.Time.IsZero() || running+need(r, w) <= budget {
		return ""
	}
	// Not how much is free: that is another figure each second.
	return fmt.Sprintf("one more well needs about %s of memory, more than is free beside those that run", size(need(r, w)))
}

// holdBack keeps the execution's hold for memory as it is: told once, for as long
// as there is a reason.
func (m *Machine) holdBack(r *run, reason string) {
	switch {
	case reason == "":
		if r.Hold != nil && r.Hold.Cause == HoldMemory {
			m.unhold(r)
		}
	case r.Hold == nil:
		r.Hold = &Hold{Cause: HoldMemory, Since: m.now, Reason: reason}
		m.touch(r)
		m.publish(r, enums.PhaseRunning, enums.ProgressRunning, "holding back: "+reason)
	case r.Hold.Cause == HoldMemory && r.Hold.Reason != reason:
		r.Hold.Reason = reason
		m.touch(r)
	}
}

// need is the memory a well is expected to take at its peak: what wells of the
// same plate were measured to take, with a margin, once there is a measurement.
func need(r *run, w *Well) int64 {
	if r.peak == 0 || w.Reason == enums.ReasonOutOfMemory { // no measurement yet, or this well needs more than others
		return w.Estimate
	}
	return r.peak + r.peak/4
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	default:
		return fmt.Sprintf("%d MiB", n>>20)
	}
}

// Active counts running attempts and the slots set aside.
func (m *Machine) Active() (running, aside int) {
	for _, r := range m.order {
		running += r.running
	}
	return running, len(m.aside)
}

// dropFinal forgets executions that have ended; their record is in the store.
func (m *Machine) dropFinal() {
	m.order = slices.DeleteFunc(m.order, func(r *run) bool {
		if r.Stage != StageFinal {
			return false
		}
		delete(m.executions, r.ID)
		return true
	})
}
