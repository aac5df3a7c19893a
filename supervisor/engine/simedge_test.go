package engine

import (
	"fmt"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// perform carries out an effect as the edge does, with what can go wrong.
func (w *simulated) perform(effect Effect) {
	switch f := effect.(type) {
	case Compile:
		w.compile(f.Execution)
	case Start:
		w.start(f)
	case Adopt:
		w.adopt(f)
	case Stop:
		w.stop(attemptKey{f.Key, f.Attempt})
	case Commit:
		w.commit(f)
	case Merge:
		w.merge(f)
	case Wake:
		w.later(max(0, f.Time.Sub(w.now)), Tick{})
	case Publish:
		w.published(f.Change)
	}
}

// full is the error of a write now.
// waits is what commits and merges wait for.
func (w *simulated) waits() Waits {
	if w.diskFull {
		return HoldDisk
	}
	return ""
}

func (w *simulated) compile(x Execution) {
	switch known := w.executions[x.ID]; {
	case known.ID == "":
		w.broken = fmt.Errorf("execution %s is compiled and not on record", x.ID)
	case w.diskFull && w.restored[x.ID]:
		w.later(w.span(3), CompileFailed{ID: x.ID, Error: "full", Code: "internal", Waits: HoldDisk})
		return
	case w.plateAway && w.restored[x.ID]:
		w.later(w.span(3), CompileFailed{ID: x.ID, Error: "away", Code: "invalid_input", Waits: HoldPlate})
		return
	}
	if w.rng.Float64() < w.faults*0.05 {
		w.later(w.span(3), CompileFailed{ID: x.ID, Error: "bad", Code: "invalid_input"})
		return
	}
	compiled := Compiled{ID: x.ID, Compilation: Compilation{Workers: x.Workers, Retries: x.Retries}}
	for i := range wellsOf(x.ID) {
		compiled.Wells = append(compiled.Wells, CompiledWell{
			Name: fmt.Sprintf("A%02d", i+1), Cost: float64(i % 3), Estimate: 1 << 22,
		})
	}
	w.later(w.span(3), compiled)
}

func (w *simulated) start(f Start) {
	key := attemptKey{Key{f.Execution.ID, f.Well.Name}, f.Attempt.Number}
	if recorded := w.wells[key.Key]; len(recorded.Attempts) < key.attempt {
		w.broken = fmt.Errorf("%v was started before that was on record", key)
	}
	for other, p := range w.processes {
		if other.Key == key.Key && !p.left && !p.stuck {
			w.broken = fmt.Errorf("%v was started while %v ran", key, other)
		}
	}
	delete(w.outcomes, key) // the attempt's directory is made anew
	p := &worker{reason: w.fate(), due: w.now.Add(w.span(30))}
	switch {
	case p.reason == enums.ReasonUnkillable:
		p.stuck = true
	case p.reason == enums.ReasonOK && w.plateAway:
		p.reason = enums.ReasonInputUnreadable
	}
	w.processes[key] = p
	spawn := w.span(2)
	life := w.life
	w.client(spawn, func() {
		if life == w.life && !p.left {
			w.deliver(Spawned{Key: key.Key, Attempt: key.attempt, Pid: 1})
			w.deliver(Running{Key: key.Key, Attempt: key.attempt})
		}
	})
	w.client(spawn+p.due.Sub(w.now), func() { w.ends(key, p) })
}

// fate draws how an attempt ends.
func (w *simulated) fate() enums.ExitReason {
	if w.rng.Float64() < w.faults {
		reasons := enums.ExitReasons()
		return reasons[w.rng.IntN(len(reasons))]
	}
	return enums.ReasonOK
}

// ends is the end of a process by itself.
func (w *simulated) ends(key attemptKey, p *worker) {
	if p.left {
		return
	}
	p.left = true
	switch p.reason {
	case enums.ReasonOK, enums.ReasonFunctionError, enums.ReasonInputUnreadable, enums.ReasonCancelled:
		w.outcomes[key] = p.reason
	default: // it left no outcome
	}
	w.tell(key, p.reason)
}

// tell reports an end to the server that runs the attempt, if it lives.
func (w *simulated) tell(key attemptKey, reason enums.ExitReason) {
	e := Ended{Key: key.Key, Attempt: key.attempt, Evidence: Attempt{Reason: reason, PeakMemory: 1 << 22}}
	switch {
	case w.diskFull && reason != enums.ReasonOK && reason != enums.ReasonCancelled:
		e.Waits = HoldDisk
	case w.plateAway && reason == enums.ReasonInputUnreadable:
		e.Waits = HoldPlate
	}
	w.later(w.span(1), e)
	if reason == enums.ReasonUnkillable {
		w.later(w.span(60), Released{Key: key.Key})
	}
}

// adopt reports what becomes of an earlier server's attempt.
func (w *simulated) adopt(f Adopt) {
	key := attemptKey{Key{f.Execution.ID, f.Well.Name}, f.Attempt.Number}
	if p := w.processes[key]; p != nil && !p.left && w.known(key) {
		w.seen["adopted alive"]++
		return // its end is told to whoever is there
	}
	w.seen["adopted dead"]++
	if w.diskFull {
		w.seen["unjudged"]++
		w.later(w.span(2), Ended{Key: key.Key, Attempt: key.attempt, Evidence: Attempt{Reason: enums.ReasonLost, Error: "stale"}, Unjudged: true})
		return
	}
	reason, excused := w.outcomes[key], false
	if w.committed[key.Key] == key.attempt {
		reason = enums.ReasonOK
	}
	if reason == "" {
		reason = enums.ReasonLost
	}
	excused = reason == enums.ReasonLost || reason == enums.ReasonCancelled
	w.later(w.span(2), Ended{Key: key.Key, Attempt: key.attempt, Evidence: Attempt{Reason: reason}, Excused: excused})
}

// known tells whether the attempt's process is on record.
func (w *simulated) known(key attemptKey) bool {
	a := w.wells[key.Key].Attempts
	return len(a) >= key.attempt && a[key.attempt-1].Pid != 0
}

func (w *simulated) stop(key attemptKey) {
	p := w.processes[key]
	if p == nil || p.left {
		return
	}
	life := w.life
	w.client(w.span(2), func() {
		if life == w.life && !p.left {
			p.reason = enums.ReasonCancelled
			if !p.stuck {
				p.left = true
			}
			w.tell(key, p.reason)
		}
	})
}

func (w *simulated) commit(f Commit) {
	key := attemptKey{Key{f.Execution.ID, f.Well.Name}, f.Attempt}
	took := w.span(1)
	switch {
	case w.diskFull:
		w.later(took, Committed{Key: key.Key, Attempt: key.attempt, Error: "full", Waits: HoldDisk})
	case w.committed[key.Key] == key.attempt:
		w.seen["second commit"]++
		w.later(took, Committed{Key: key.Key, Attempt: key.attempt})
	case w.outcomes[key] != enums.ReasonOK:
		w.later(took, Committed{Key: key.Key, Attempt: key.attempt, Error: "there is no outcome"})
	case w.rng.Float64() < w.faults*0.05:
		w.later(took, Committed{Key: key.Key, Attempt: key.attempt, Error: "its tables are damaged"})
	default:
		w.committed[key.Key] = key.attempt
		delete(w.outcomes, key)
		w.later(took, Committed{Key: key.Key, Attempt: key.attempt})
	}
}

func (w *simulated) merge(f Merge) {
	if w.merging[f.Execution.ID] {
		w.broken = fmt.Errorf("execution %s is merged while it is merged", f.Execution.ID)
	}
	w.merging[f.Execution.ID] = true
	if len(f.Wells) != wellsOf(f.Execution.ID) {
		w.broken = fmt.Errorf("execution %s is merged with %d wells of %d", f.Execution.ID, len(f.Wells), wellsOf(f.Execution.ID))
	}
	for _, v := range f.Wells {
		key := Key{v.Execution, v.Name}
		if !w.wells[key].Status.Final() {
			w.broken = fmt.Errorf("well %v is merged and %q on record", key, w.wells[key].Status)
		}
		if v.Status == enums.WellComplete && w.committed[key] != v.Last().Number {
			w.broken = fmt.Errorf("well %v is merged as complete and was not committed", key)
		}
		if a := v.Last(); a != nil {
			if p := w.processes[attemptKey{key, a.Number}]; p != nil && !p.left && !p.stuck {
				w.broken = fmt.Errorf("well %v is merged while its process runs", key)
			}
		}
	}
	life, merged := w.life, Merged{ID: f.Execution.ID, Waits: w.waits(), Error: string(w.waits())}
	w.client(w.span(2), func() {
		if life == w.life {
			w.merging[f.Execution.ID] = false
			w.deliver(merged)
		}
	})
}

// published holds what clients are told to the records.
func (w *simulated) published(c Change) {
	if status := c.Execution.Status; status.Final() && w.executions[c.Execution.ID].Status != status {
		w.broken = fmt.Errorf("clients hear that execution %s is %s; it is %q on record", c.Execution.ID, status, w.executions[c.Execution.ID].Status)
	}
	if v := c.Well; v != nil && v.Status.Final() && w.wells[Key{v.Execution, v.Name}].Status != v.Status {
		w.broken = fmt.Errorf("clients hear that well %s of %s is %s; it is not on record", v.Name, v.Execution, v.Status)
	}
}

// mutant is what a broken machine forgets.
type mutant struct {
	batch        func(*batch) // changes what the machine said
	effectsFirst bool         // effects are carried out before they are on record
}

// without is a machine that loses its n-th effect of a kind.
func without[E Effect](n int) mutant {
	return mutant{batch: func(b *batch) {
		for i, f := range b.effects {
			if _, ok := f.(E); ok {
				if n--; n == 0 {
					b.effects = append(b.effects[:i:i], b.effects[i+1:]...)
					return
				}
			}
		}
	}}
}

// forgetting is a machine that does not save wells it should.
func forgetting(which func(Well) bool) mutant {
	return mutant{batch: func(b *batch) {
		for i := 0; i < len(b.wells); {
			if which(b.wells[i]) {
				b.wells = append(b.wells[:i:i], b.wells[i+1:]...)
			} else {
				i++
			}
		}
	}}
}

// mutants are by what they do wrong. They are made anew for every schedule.
var mutants = map[string]func() mutant{
	"starts before it is on record": func() mutant { return mutant{effectsFirst: true} },
	"loses a start":                 func() mutant { return without[Start](3) },
	"loses a commit":                func() mutant { return without[Commit](1) },
	"loses an adoption":             func() mutant { return without[Adopt](1) },
	"loses a merge":                 func() mutant { return without[Merge](1) },
	"loses a compilation":           func() mutant { return without[Compile](1) },
	"loses an alarm":                func() mutant { return without[Wake](1) },
	"saves no end of a well":        func() mutant { return forgetting(func(v Well) bool { return v.Status == enums.WellComplete }) },
	"saves no failure of a well":    func() mutant { return forgetting(func(v Well) bool { return v.Status == enums.WellFailed }) },
	"saves no intent":               func() mutant { return forgetting(func(v Well) bool { return v.Status == enums.WellStarting }) },
	"starts twice": func() mutant {
		return mutant{batch: func(b *batch) {
			for _, f := range b.effects {
				if s, ok := f.(Start); ok {
					b.effects = append(b.effects, s)
					return
				}
			}
		}}
	},
	"completes before the commit": func() mutant {
		return mutant{batch: func(b *batch) {
			for i := range b.wells {
				if b.wells[i].Status == enums.WellCommitting {
					b.wells[i].Status = enums.WellComplete
				}
			}
		}}
	},
	"loses a well of the plate": func() mutant {
		return mutant{batch: func(b *batch) {
			for i := range b.executions {
				if n := len(b.executions[i].Order); n > 1 {
					b.executions[i].Order = b.executions[i].Order[:n-1]
				}
			}
		}}
	},
	"revives a final well": func() mutant {
		return mutant{batch: func(b *batch) {
			for i := range b.wells {
				if v := &b.wells[i]; v.Status == enums.WellFailed && len(v.Attempts) > 1 {
					v.Status, v.NotBefore = enums.WellRetryWait, time.Time{}
				}
			}
		}}
	},
	"tells the end too early": func() mutant {
		return mutant{batch: func(b *batch) {
			for i, f := range b.effects {
				if p, ok := f.(Publish); ok && p.Change.Well == nil && p.Change.Execution.Stage == StageMerging {
					p.Change.Execution.Status = enums.ExecutionComplete
					b.effects[i] = p
				}
				if m, ok := f.(Merge); ok {
					m.Execution.Status = enums.ExecutionComplete
					b.effects = append(b.effects, Publish{Change{Execution: m.Execution}})
					return
				}
			}
		}}
	},
}
