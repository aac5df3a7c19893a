package engine

import (
	"fmt"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// find returns the run and well of a key when the given attempt is the well's
// newest; news of an older attempt is no news.
func (m *Machine) find(key Key, attempt int) (*run, *Well) {
	r := m.executions[key.Execution]
	if r == nil {
		return nil, nil
	}
	w := r.wells[key.Well]
	if w == nil || w.Last() == nil || w.Last().Number != attempt {
		return nil, nil
	}
	return r, w
}

// start begins the next attempt of a well. The caller has found a slot for it.
func (m *Machine) start(r *run, w *Well, threads int) {
	if r.Stage == StageReady {
		r.Stage, r.Status, r.Started = StageRunning, enums.ExecutionRunning, m.now
		m.touch(r)
		m.publish(r, enums.PhaseRunning, enums.ProgressRunning, "")
	}
	memory := w.Memory
	if memory == 0 {
		memory = r.Memory
	}
	w.Attempts = append(w.Attempts, Attempt{
		Number: len(w.Attempts) + 1, Threads: threads, Memory: memory, Started: m.now,
	})
	w.Status, w.NotBefore = enums.WellStarting, time.Time{}
	r.running++
	m.touchWell(w)
	m.emit(Start{r.Execution.clone(), w.clone(), *w.Last()})
}

func (m *Machine) spawned(e Spawned) {
	m.proved = true
	_, w := m.find(e.Key, e.Attempt)
	if w == nil || w.Status != enums.WellStarting {
		return
	}
	w.Last().Pid, w.Last().Process = e.Pid, e.Process
	m.touchWell(w)
}

func (m *Machine) started(e Running) {
	r, w := m.find(e.Key, e.Attempt)
	if w == nil || w.Status != enums.WellStarting {
		return
	}
	w.Status = enums.WellRunning
	m.touchWell(w)
	if r.Cancelled {
		m.emit(Stop{e.Key, e.Attempt}) // cancelling overtook the start
	}
}

func (m *Machine) ended(e Ended) {
	r, w := m.find(e.Key, e.Attempt)
	if w == nil || w.Status != enums.WellStarting && w.Status != enums.WellRunning {
		return
	}
	if e.Unjudged {
		m.unjudge(r, w, e.Evidence.Error)
		return
	}
	if !r.unjudged[w.Name] {
		r.running--
	}
	delete(r.unjudged, w.Name)
	if len(r.unjudged) > 0 {
		m.probed(r) // the others are judged as well
	}
	a := w.Last()
	number, started, threads, memory, pid := a.Number, a.Started, a.Threads, a.Memory, a.Pid
	end := m.now
	if at := e.Evidence.Ended; at.After(started) && at.Before(end) {
		end = at // of a worker that no server saw end, perhaps hours ago
	}
	*a = e.Evidence
	a.Number, a.Started, a.Threads, a.Memory, a.Process = number, started, threads, memory, nil
	if e.Waits == HoldPlate && unread(w) >= mostUnread {
		e.Waits = ""
	}
	a.Ended, a.NoRoom = end, e.Waits != ""
	a.Excused = a.NoRoom || e.Excused && losses(w) < mostLosses
	if a.Pid == 0 {
		a.Pid = pid
	}
	r.peak = max(r.peak, a.PeakMemory)
	if a.Reason == enums.ReasonCancelled && !r.Cancelled && !m.draining {
		// Somebody else's SIGTERM (a service manager ends all of a group at
		// once), or a worker that gave up waiting for the next server: nobody
		// wants this well cancelled.
		a.Excused = losses(w) < mostLosses
		a.Reason, a.Error = enums.ReasonLost, "the worker was stopped, and not by its server: "+a.Error
	}
	w.Reason, w.Error = a.Reason, a.Error
	m.touchWell(w)
	if a.Reason == enums.ReasonUnkillable || e.Stuck {
		m.aside[e.Key] = true
	}
	told := m.draining && toldToEnd(a)
	if startFailure(a.Reason) {
		if e.Waits != HoldDisk && !told { // a full disk has a hold of its own
			// It says something about the machine, not about the well.
			a.Excused = a.Excused || a.Reason == enums.ReasonStartFailed && failedStarts(w) <= startProbes
			m.tripOnStart(r, a)
		}
	} else if a.Reason != enums.ReasonCancelled { // which says nothing about starts
		r.startFailures = 0
		if r.Hold != nil && r.Hold.Cause == HoldStart {
			m.unhold(r)
		}
	}
	switch {
	case a.Reason == enums.ReasonOK:
		if !r.recovered {
			m.reached(r)
		}
		w.Status, w.Counts = enums.WellCommitting, e.Counts
		w.Warnings = e.Warnings
		m.emit(Commit{r.Execution.clone(), w.clone(), number})
	case r.Cancelled:
		m.cancelWell(r, w)
		m.settle(r)
	case e.Waits == HoldDisk:
		m.retryWhenRoom(r, w, a.Error)
	case e.Waits == HoldPlate:
		m.retryWhenReached(r, w, a.Error)
	case told:
		a.Excused = true
		w.Status, w.NotBefore = enums.WellRetryWait, m.now
	default:
		m.retryOrFail(r, w)
	}
	if a.Reason != enums.ReasonOK && r.running == 0 && m.next(r) == nil {
		m.probed(r) // no further well is there to find out what a hold waits for
	}
}

// toldToEnd tells whether an attempt may have ended because its server ends: the
// server told its worker, or whoever ends the server told the worker too, in
// whatever state it was.
func toldToEnd(a *Attempt) bool {
	switch a.Reason {
	case enums.ReasonCancelled, enums.ReasonLost, enums.ReasonStartFailed:
		return true
	default:
		return a.Signal == "SIGTERM"
	}
}

func (m *Machine) committed(e Committed) {
	r, w := m.find(e.Key, e.Attempt)
	if w == nil {
		return
	}
	m.probed(r) // also by news of what is over
	if w.Status != enums.WellCommitting {
		return
	}
	switch {
	case e.Error == "":
		m.roomAgain(r)
		w.Status, w.Error = enums.WellComplete, ""
		m.touchWell(w)
		m.publishWell(r, w, enums.PhaseAxisCompleted, enums.ProgressSuccess, "")
		m.settle(r)
	case e.Waits != "" && r.Cancelled:
		m.cancelWell(r, w)
		m.settle(r)
	case e.Waits != "":
		r.uncommitted[w.Name] = true
		m.hold(r, e.Waits, e.Error)
	default:
		a := w.Last()
		a.Reason, a.Error = enums.ReasonOutputInvalid, "commit results: "+e.Error
		w.Reason, w.Error = a.Reason, a.Error
		m.touchWell(w)
		m.retryOrFail(r, w)
	}
}

// unjudge leaves an attempt as it is, until what it left can be read.
func (m *Machine) unjudge(r *run, w *Well, message string) {
	if r.unjudged[w.Name] {
		return
	}
	r.running--
	r.unjudged[w.Name] = true
	w.Last().Unread = true
	m.touchWell(w)
	if r.Cancelled {
		m.cancelUnjudged(r, w)
		m.settle(r)
		return
	}
	m.hold(r, HoldDisk, message)
}

// cancelUnjudged ends a well whose last attempt nobody is going to judge.
func (m *Machine) cancelUnjudged(r *run, w *Well) {
	delete(r.unjudged, w.Name)
	a := w.Last()
	a.Ended, a.Reason, a.Error = m.now, enums.ReasonCancelled, "cancelled before what it left could be read"
	a.Unread, a.Process = false, nil
	m.cancelWell(r, w)
}

// adopt has an attempt taken over, or what it left looked at.
func (m *Machine) adopt(r *run, w *Well) {
	if _, ok := r.unjudged[w.Name]; ok {
		r.unjudged[w.Name] = false
	}
	r.running++
	if w.Last().Unread {
		w.Last().Unread = false
		m.touchWell(w)
	}
	m.emit(Adopt{r.Execution.clone(), w.clone(), *w.Last()})
}

// mostUnread is how many attempts of a well may fail because its plate's share is
// away, over about eight minutes, before that is the well's: a file can be stale
// for ever.
const mostUnread = 5

// unread counts the attempts of a well that found its plate's share away.
func unread(w *Well) int {
	return w.count(func(a *Attempt) bool { return a.NoRoom && a.Reason == enums.ReasonInputUnreadable })
}

// retryWhenReached puts a well back in the queue whose plate's share is away.
func (m *Machine) retryWhenReached(r *run, w *Well, message string) {
	w.Status = enums.WellRetryWait
	w.NotBefore = m.now.Add(doubled(firstDiskHold, 2*(unread(w)-1), lastRoomBackoff))
	m.emit(Wake{w.NotBefore})
	m.touchWell(w)
	m.hold(r, HoldPlate, message)
}

// retryWhenRoom puts a well back in the queue without blaming it. It may be the
// well that fills the disk, and the room that it leaves behind what starts it
// again: so it waits longer each time.
func (m *Machine) retryWhenRoom(r *run, w *Well, message string) {
	w.Status, w.NotBefore = enums.WellRetryWait, m.now
	if n := roomless(w); n > 1 {
		w.NotBefore = m.now.Add(doubled(firstDiskHold, n-2, lastRoomBackoff))
		m.emit(Wake{w.NotBefore})
	}
	m.touchWell(w)
	m.hold(r, HoldDisk, message)
}

// lastRoomBackoff is how long a well that finds no room waits at most until it
// tries again.
const lastRoomBackoff = 5 * time.Minute

// roomless counts the attempts of a well that found no room, or its plate away, in
// their work. One that did not come to work, as on a share that hangs, cost nothing.
func roomless(w *Well) int {
	return w.count(func(a *Attempt) bool {
		return a.NoRoom && a.Reason != enums.ReasonStartFailed && a.Reason != enums.ReasonLost
	})
}

func (m *Machine) retryOrFail(r *run, w *Well) {
	a := w.Last()
	v := judge(a.Reason, failures(w), r.Retries)
	if !v.again || r.Cancelled || r.hopeless {
		m.failWell(r, w, a.Reason, a.Error)
		m.settle(r)
		return
	}
	w.Status, w.NotBefore = enums.WellRetryWait, m.now.Add(v.delay)
	if v.memory > 1 {
		limit := a.Memory
		w.Memory = int64(float64(limit) * v.memory)
		w.Estimate = int64(float64(max(w.Estimate, a.PeakMemory)) * v.memory)
	}
	m.touchWell(w)
	m.publishWell(r, w, enums.PhaseQueued, enums.ProgressQueued,
		fmt.Sprintf("attempt %d ended: %s; next attempt in %s", a.Number, a.Reason, v.delay))
	m.emit(Wake{w.NotBefore})
}

// failures counts the attempts of a well that are held against it: those that
// ended for want of disk room are not.
func failures(w *Well) int {
	return w.count(func(a *Attempt) bool { return !a.Ended.IsZero() && !a.Excused })
}

// failedStarts counts the attempts of a well whose worker did not come to its task.
func failedStarts(w *Well) int {
	return w.count(func(a *Attempt) bool { return a.Reason == enums.ReasonStartFailed })
}

// mostLosses is how many attempts of a well may be lost with their servers before
// it is taken into account that the well may be what ends servers.
const mostLosses = 5

func losses(w *Well) int {
	return w.count(func(a *Attempt) bool { return a.Excused && a.Reason == enums.ReasonLost })
}

func (m *Machine) cancelWell(r *run, w *Well) {
	w.Status, w.Reason = enums.WellCancelled, enums.ReasonCancelled
	m.touchWell(w)
	m.publishWell(r, w, enums.PhaseCancelled, enums.ProgressCancelled, "")
}

func (m *Machine) failWell(r *run, w *Well, reason enums.ExitReason, message string) {
	w.Status, w.Reason, w.Error = enums.WellFailed, reason, message
	delete(r.uncommitted, w.Name)
	m.touchWell(w)
	m.publishWell(r, w, enums.PhaseAxisError, enums.ProgressError, message)
}
