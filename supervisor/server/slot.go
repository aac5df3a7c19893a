package server

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// slot is what an attempt holds of the server while it is under way. It is given
// back when the attempt hangs on a disk: a share that does not answer costs the
// plates on it, and not the slots of all others.
type slot struct {
	busy *busy // of the attempt's execution
	now  func() time.Time
	once sync.Once
	hung chan struct{} // closed when it was given back
	over atomic.Bool   // the attempt's process is gone, and what it left is looked at
}

// onDisk notes that the attempt is at work on a disk, until done is called. done
// returns false when that took so long that the slot was given back: nobody waits
// for the attempt any more, and it must do nothing further.
func (s *slot) onDisk(what string) (done func() bool) {
	idle := s.busy.with(what, s.now())
	timer := time.AfterFunc(busyPatience, func() { s.once.Do(func() { close(s.hung) }) })
	return func() bool {
		idle()
		return timer.Stop()
	}
}

// gathering is onDisk for what an attempt left.
func (s *slot) gathering(well string) (done func() bool) {
	s.over.Store(true)
	return s.onDisk("what well " + well + " left is being gathered")
}

// inSlot runs an attempt to its end, or for as long as it keeps its slot; what
// hangs is then left to itself. When the disk answers its well is tried again, or
// what its process left is judged.
func (e *edge) inSlot(j *job, run func(*slot) engine.Ended) engine.Ended {
	s := &slot{busy: &j.busy, now: e.now, hung: make(chan struct{})}
	ended := make(chan engine.Ended, 1)
	go func() { ended <- run(s) }()
	select {
	case v := <-ended:
		return v
	case <-s.hung:
		silent := engine.Attempt{Reason: enums.ReasonLost, ExitCode: -1, Error: errSilent.Error()}
		if s.over.Load() {
			return engine.Ended{Evidence: silent, Unjudged: true}
		}
		return engine.Ended{Evidence: silent, Waits: engine.HoldDisk}
	}
}

// errSilent is the error for work on a results folder at which other work hangs.
var errSilent = errors.New("the results folder does not answer: a share may hang")
