package engine

import (
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// The circuit breaker on starting: after this many failed starts in a row no
// well is started for a while, then one as a probe; when that many probes have
// failed, over about a quarter of an hour, the execution's remaining wells fail.
// On a server that never saw a worker come to its task it takes less: nothing
// speaks for its getting better.
const (
	startFailuresToTrip = 3
	startProbes         = 10
	firstStartProbes    = 2
	firstStartHold      = 2 * time.Second
	lastStartHold       = 2 * time.Minute
)

// The time between looks at a full disk, and for a plate that cannot be reached:
// the first minutes may well bring what is missing.
const (
	firstDiskHold = 2 * time.Second
	lastDiskHold  = 30 * time.Second
)

func startFailure(reason enums.ExitReason) bool {
	return reason == enums.ReasonStartFailed || reason == enums.ReasonHandshakeMismatch
}

// hold stops an execution from starting wells until the cause is tried again.
func (m *Machine) hold(r *run, cause HoldCause, reason string) {
	r.probing = false
	if r.Hold != nil && r.Hold.Cause == HoldDisk && (cause == HoldStart || cause == HoldPlate && r.committing()) {
		m.renew(r) // finished wells wait for room: that comes first
		return
	}
	if r.Hold != nil && r.Hold.Cause == cause {
		if r.Hold.Until.After(m.now) {
			return
		}
	} else {
		r.Hold = &Hold{Cause: cause, Since: m.now}
		m.publish(r, enums.PhaseRunning, enums.ProgressRunning, "paused: "+reason)
	}
	r.Hold.Reason = reason
	m.touch(r)
	m.renew(r)
}

// renew has what is held tried again after a while, unless that is due later anyway.
func (m *Machine) renew(r *run) {
	if r.Hold.Until.After(m.now) {
		return
	}
	if !r.Hold.Until.IsZero() {
		r.Hold.Probes++
	}
	delay := doubled(firstDiskHold, r.Hold.Probes/8, lastDiskHold)
	if r.Hold.Cause == HoldStart {
		delay = doubled(firstStartHold, 2*r.Hold.Probes, lastStartHold)
	}
	r.Hold.Until = m.now.Add(delay)
	m.touch(r)
	m.emit(Wake{r.Hold.Until})
}

func (m *Machine) unhold(r *run) {
	if r.Hold.Cause != HoldMemory {
		m.publish(r, enums.PhaseRunning, enums.ProgressRunning, "going on: "+string(r.Hold.Cause)+" is well again")
	}
	r.Hold, r.probing = nil, false
	m.touch(r)
}

// committing tells that a well which may be finished is not part of the results yet.
func (r *run) committing() bool {
	for _, w := range r.wells {
		if w.Status == enums.WellCommitting {
			return true
		}
	}
	return len(r.unjudged) > 0
}

// reached ends a plate hold: the plate could be read again.
func (m *Machine) reached(r *run) {
	if r.Hold != nil && r.Hold.Cause == HoldPlate {
		m.unhold(r)
	}
}

// probe tries again what a due hold has stopped: the commits and the merge that
// found no room, the compilation of what was restored, what an attempt left, or one
// well.
func (m *Machine) probe(r *run) {
	if r.Hold == nil || r.Hold.Cause == HoldMemory || r.probing || r.Hold.Until.After(m.now) {
		return
	}
	r.probing = true
	if r.Stage == StageMerging {
		m.merge(r)
		return
	}
	if r.recovered || r.Stage == StageCompiling {
		m.recompile(r)
	}
	for _, name := range r.Order {
		w := r.wells[name]
		if r.uncommitted[name] {
			delete(r.uncommitted, name)
			m.emit(Commit{r.Execution.clone(), w.clone(), w.Last().Number})
			return // one is enough to find out
		}
		if r.unjudged[name] {
			m.adopt(r, w)
			return
		}
	}
}

// probed notes that what a due hold tried has come back. Unless that ends or
// renews the hold, something else is tried after a while: a commit that failed
// for a reason of its own says nothing about the disk.
func (m *Machine) probed(r *run) {
	if r.Hold == nil || !r.probing || r.Stage == StageMerging {
		return
	}
	r.probing = false
	if r.Hold.Cause != HoldStart {
		m.renew(r)
	}
}

// roomAgain ends a disk hold after a write that worked.
func (m *Machine) roomAgain(r *run) {
	if r.Hold == nil || r.Hold.Cause != HoldDisk {
		return
	}
	m.unhold(r)
	if r.recovered { // compiling may be what found no room
		m.recompile(r)
	}
	for _, name := range r.Order {
		w := r.wells[name]
		if r.uncommitted[name] {
			delete(r.uncommitted, name)
			m.emit(Commit{r.Execution.clone(), w.clone(), w.Last().Number})
		}
		if r.unjudged[name] {
			m.adopt(r, w)
		}
	}
}

// tripOnStart counts a failed start and pauses the execution when they repeat.
func (m *Machine) tripOnStart(r *run, a *Attempt) {
	r.startFailures++
	probes := firstStartProbes
	if m.proved {
		probes = startProbes
	}
	hopeless := a.Reason == enums.ReasonHandshakeMismatch ||
		r.Hold != nil && r.Hold.Cause == HoldStart && r.Hold.Probes+1 >= probes
	switch {
	case hopeless:
		r.hopeless = true
		if r.Hold != nil && r.Hold.Cause == HoldStart { // given up, not well again
			r.Hold, r.probing = nil, false
			m.touch(r)
		}
		for _, name := range r.Order {
			if w := r.wells[name]; w.Status == enums.WellPending || w.Status == enums.WellRetryWait {
				m.failWell(r, w, a.Reason, "not started: every worker fails at start: "+a.Error)
			}
		}
	case r.startFailures >= startFailuresToTrip:
		m.hold(r, HoldStart, "every worker fails at start: "+a.Error)
	}
}
