package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Config is what the machine may use. The zero value of a field means its default.
type Config struct {
	Workers       int   // wells at once over all executions; default 1
	Cores         int   // processor cores to share among running wells; default 1
	ReserveMemory int64 // bytes never given to wells
}

// Machine is the state of every execution and the rules that change it. It is
// not safe for concurrent use: one goroutine owns it.
type Machine struct {
	config     Config
	executions map[string]*run
	order      []*run // by priority, then submission
	sequence   int
	aside      map[Key]bool // slots lost to processes that cannot be killed
	memory     MemorySampled
	proved     bool // a worker of this server has come to its task
	draining   bool // no further well starts; stopped attempts go back to the queue

	now     time.Time
	changed changes
	effects []Effect
}

// run is an execution with its wells.
type run struct {
	Execution
	wells         map[string]*Well
	running       int             // attempts that hold a slot
	startFailures int             // failed starts in a row
	hopeless      bool            // starting was given up
	restored      bool            // accepted by an earlier server
	recovered     bool            // restored, and not compiled again yet; it had begun
	compiling     bool            // a compilation is under way
	patience      time.Time       // until when later executions wait for it to be compiled
	awaited       bool            // an alarm is set for that time
	probing       bool            // a due hold is being tried
	uncommitted   map[string]bool // wells whose commit found no room
	unjudged      map[string]bool // wells whose attempt left what cannot be read for now; false while that is tried
	peak          int64           // largest measured peak of its wells, bytes
}

// changes collects what an event changed, so that it is saved once.
type changes struct {
	executions map[string]bool
	wells      map[Key]bool
}

// NewMachine returns a machine without executions.
func NewMachine(config Config) *Machine {
	config.Workers = max(config.Workers, 1)
	config.Cores = max(config.Cores, 1)
	return &Machine{config: config, executions: map[string]*run{}, aside: map[Key]bool{}}
}

// Apply takes one event and returns what changed, as copies, and the effects
// to carry out once the changes are durable.
func (m *Machine) Apply(event Event) ([]Execution, []Well, []Effect) {
	m.now = event.at()
	m.changed = changes{executions: map[string]bool{}, wells: map[Key]bool{}}
	m.effects = nil
	switch e := event.(type) {
	case Restored:
		m.restored(e)
	case Submitted:
		m.submitted(e)
	case Compiled:
		m.compiled(e)
	case CompileFailed:
		m.compileFailed(e)
	case Spawned:
		m.spawned(e)
	case Running:
		m.started(e)
	case Ended:
		m.ended(e)
	case Committed:
		m.committed(e)
	case Merged:
		m.merged(e)
	case CancelAsked:
		m.cancelAsked(e)
	case Released:
		delete(m.aside, e.Key)
	case MemorySampled:
		m.memory = e
	case Draining:
		m.drain(e.Stop)
	case Tick:
	default:
		panic(fmt.Sprintf("engine: unknown event %T", event))
	}
	m.schedule()
	executions, wells := m.takeChanges()
	m.dropFinal()
	return executions, wells, m.effects
}

func (m *Machine) takeChanges() ([]Execution, []Well) {
	var executions []Execution
	var wells []Well
	for _, r := range m.order {
		if m.changed.executions[r.ID] {
			executions = append(executions, r.Execution.clone())
		}
		for _, name := range r.Order {
			if m.changed.wells[Key{r.ID, name}] {
				wells = append(wells, r.wells[name].clone())
			}
		}
	}
	return executions, wells
}

func (m *Machine) emit(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) touch(r *run) { m.changed.executions[r.ID] = true }

func (m *Machine) touchWell(w *Well) { m.changed.wells[Key{w.Execution, w.Name}] = true }

func (m *Machine) publish(r *run, phase enums.Phase, status enums.ProgressStatus, message string) {
	m.emit(Publish{Change{Execution: r.Execution.clone(), Phase: phase, Status: status, Message: message}})
}

func (m *Machine) publishWell(r *run, w *Well, phase enums.Phase, status enums.ProgressStatus, message string) {
	c := w.clone()
	m.emit(Publish{Change{Execution: r.Execution.clone(), Well: &c, Phase: phase, Status: status, Message: message}})
}

func (m *Machine) submitted(e Submitted) {
	x := e.Execution
	if m.executions[x.ID] != nil {
		return // the same submission twice: its first answer stands
	}
	m.sequence++
	x.Sequence, x.Submitted = m.sequence, m.now
	x.Status, x.Stage = enums.ExecutionQueued, StageCompiling
	r := m.add(x)
	m.touch(r)
	m.publish(r, enums.PhaseCompile, enums.ProgressStarted, "")
	m.compile(r)
}

func (m *Machine) add(x Execution) *run {
	r := &run{Execution: x, wells: map[string]*Well{}, uncommitted: map[string]bool{}, unjudged: map[string]bool{}}
	m.executions[x.ID] = r
	m.order = append(m.order, r)
	slices.SortStableFunc(m.order, func(a, b *run) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return a.Sequence - b.Sequence
	})
	return r
}

func (m *Machine) compiled(e Compiled) {
	r := m.executions[e.ID]
	if r == nil || r.Stage != StageCompiling && !r.recovered {
		return
	}
	r.compiling = false
	if r.recovered {
		m.recompiled(r, e)
		return
	}
	if r.Hold != nil {
		m.unhold(r)
	}
	r.Workers, r.Retries, r.Memory, r.Plan = e.Workers, e.Retries, e.Memory, e.Plan
	for _, c := range e.Wells {
		w := &Well{
			Execution: r.ID, Name: c.Name, Status: enums.WellPending,
			Cost: c.Cost, Estimate: c.Estimate, Origin: c.Origin, Warnings: c.Warnings,
		}
		if c.Reused && !r.CompileOnly {
			w.Status, w.Reason, w.Reused, w.Counts = enums.WellComplete, enums.ReasonOK, true, c.Counts
		}
		r.wells[c.Name] = w
		r.Order = append(r.Order, c.Name)
	}
	r.Stage = StageReady
	m.touch(r)
	m.publish(r, enums.PhaseInit, enums.ProgressStarted, "")
	m.publish(r, enums.PhaseCompile, enums.ProgressSuccess, "")
	if r.CompileOnly {
		r.wells, r.Order = map[string]*Well{}, nil
		m.finish(r, enums.ExecutionComplete, "", "")
		return
	}
	for _, name := range r.Order {
		w := r.wells[name]
		m.touchWell(w)
		if w.Reused {
			m.publishWell(r, w, enums.PhaseAxisCompleted, enums.ProgressSuccess, "kept from an earlier run")
		}
	}
	m.settle(r)
}

func (m *Machine) compileFailed(e CompileFailed) {
	r := m.executions[e.ID]
	if r == nil || r.Stage != StageCompiling && !r.recovered {
		return
	}
	r.compiling = false
	if r.restored && r.Stage != StageMerging && (e.Waits == HoldDisk || e.Waits == HoldPlate && !r.Cancelled) {
		m.hold(r, e.Waits, strings.TrimPrefix(e.Error, ErrInvalidInput.Error()+": ")) // it was valid when it was accepted
		return
	}
	if r.recovered {
		// It compiled before: a file or what is asked of it has changed since.
		// Wells that still run go on and count; the rest cannot start.
		r.recovered = false
		m.reached(r)
		m.probed(r)
		for _, name := range r.Order {
			if w := r.wells[name]; w.Status == enums.WellPending || w.Status == enums.WellRetryWait {
				m.failWell(r, w, enums.ReasonStartFailed, "compile after restart: "+e.Error)
			}
		}
		if len(r.Order) > 0 {
			m.settle(r)
			return
		}
	}
	m.publish(r, enums.PhaseCompile, enums.ProgressFailed, e.Error)
	m.finish(r, enums.ExecutionFailed, e.Error, e.Code)
}

// finish gives an execution its final state and publishes it.
func (m *Machine) finish(r *run, status enums.ExecutionStatus, message, code string) {
	r.Status, r.Stage, r.Ended = status, StageFinal, m.now
	r.Error, r.ErrorCode, r.Hold = message, code, nil
	m.touch(r)
	switch status {
	case enums.ExecutionComplete:
		m.publish(r, enums.PhaseSuccess, enums.ProgressSuccess, "")
	case enums.ExecutionCancelled:
		m.publish(r, enums.PhaseCancelled, enums.ProgressCancelled, message)
	default:
		m.publish(r, enums.PhaseFailed, enums.ProgressFailed, message)
	}
}

// settle moves an execution on to merging once each of its wells is final and
// nothing of it runs.
func (m *Machine) settle(r *run) {
	if r.Stage == StageMerging || r.Stage == StageFinal || r.Stage == StageCompiling && !r.Cancelled {
		return
	}
	for _, w := range r.wells {
		if !w.Status.Final() {
			return
		}
	}
	if len(r.wells) == 0 { // cancelled before it was compiled: nothing to merge
		m.finish(r, enums.ExecutionCancelled, "cancelled before it started", "")
		return
	}
	r.Stage, r.Status, r.Hold = StageMerging, enums.ExecutionRunning, nil
	if r.Started.IsZero() {
		r.Started = m.now
	}
	m.touch(r)
	m.merge(r)
}

func (m *Machine) merge(r *run) {
	wells := make([]Well, 0, len(r.Order))
	for _, name := range r.Order {
		wells = append(wells, r.wells[name].clone())
	}
	m.emit(Merge{r.Execution.clone(), wells})
}

// cancelledUnmerged is the error of an execution cancelled in want of room, or of
// its results folder.
const cancelledUnmerged = "cancelled while results could not be written; they are not merged"

func (m *Machine) merged(e Merged) {
	r := m.executions[e.ID]
	if r == nil || r.Stage != StageMerging {
		return
	}
	if e.Waits != "" && r.Cancelled { // what is committed is merged by the next run
		m.finish(r, enums.ExecutionCancelled, cancelledUnmerged, "")
		return
	}
	if e.Waits != "" {
		m.hold(r, e.Waits, e.Error)
		return
	}
	m.roomAgain(r)
	r.Summary = e.Summary
	failed, cancelled := 0, false
	for _, w := range r.wells {
		switch w.Status {
		case enums.WellFailed:
			failed++
		case enums.WellCancelled:
			cancelled = true
		default: // it is complete
		}
	}
	switch {
	case e.Error != "":
		m.finish(r, enums.ExecutionFailed, "merge results: "+e.Error, CodeMergeFailed)
	case cancelled:
		m.finish(r, enums.ExecutionCancelled, "cancelled", "")
	case failed > 0:
		m.finish(r, enums.ExecutionFailed, fmt.Sprintf("%d of %d wells failed", failed, len(r.wells)), "wells_failed")
	default:
		m.finish(r, enums.ExecutionComplete, "", "")
	}
}

// drain starts nothing any more and, when stop is set, ends what runs; the wells
// are taken up again by the next server on the same data.
func (m *Machine) drain(stop bool) {
	m.draining = true
	if !stop {
		return
	}
	for _, r := range m.order {
		for _, name := range r.Order {
			if w := r.wells[name]; w.Status == enums.WellStarting || w.Status == enums.WellRunning {
				m.emit(Stop{Key{r.ID, name}, w.Last().Number})
			}
		}
	}
}

func (m *Machine) cancelAsked(e CancelAsked) {
	for _, r := range slices.Clone(m.order) {
		if e.ID != "" && r.ID != e.ID || r.Stage == StageFinal || r.Cancelled {
			continue
		}
		if r.Stage == StageMerging {
			if r.Hold != nil && !r.probing {
				m.finish(r, enums.ExecutionCancelled, cancelledUnmerged, "")
				continue
			}
			r.Cancelled = true
			m.touch(r)
			m.emit(Stop{Key{Execution: r.ID}, 0}) // where its results are as good as written, that comes first
			continue
		}
		r.Cancelled = true
		m.touch(r)
		for _, name := range r.Order {
			w := r.wells[name]
			switch w.Status {
			case enums.WellPending, enums.WellRetryWait:
				m.cancelWell(r, w)
			case enums.WellStarting, enums.WellRunning:
				if r.unjudged[name] {
					m.cancelUnjudged(r, w)
					continue
				}
				m.emit(Stop{Key{r.ID, name}, w.Last().Number})
			case enums.WellCommitting:
				if r.uncommitted[name] {
					m.cancelWell(r, w)
					continue
				}
				m.emit(Stop{Key{r.ID, name}, w.Last().Number})
			default: // it has ended
			}
		}
		m.settle(r)
	}
}
