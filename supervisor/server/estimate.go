package server

import (
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// pace sums up the wells of an execution: how long those that are done took,
// and how many are left.
type pace struct {
	took          time.Duration
	done          int
	left, running int
}

func paceOf(wells []engine.Well) (p pace) {
	for i := range wells {
		w := &wells[i]
		switch last := w.Last(); {
		case w.Status == enums.WellComplete && last != nil:
			p.took += last.Ended.Sub(last.Started)
			p.done++
		case !w.Status.Final():
			p.left++
			if w.Status == enums.WellRunning || w.Status == enums.WellStarting {
				p.running++
			}
		}
	}
	return p
}

// timeLeft estimates from the wells that are done how long the others of a
// running execution take, in seconds; nil while none is done.
func (s *Server) timeLeft(x engine.Execution, wells []engine.Well) *float64 {
	p := paceOf(wells)
	if x.Status != enums.ExecutionRunning || p.done == 0 {
		return nil
	}
	seconds := p.took.Seconds() / float64(p.done) * float64(p.left) / float64(max(1, p.running))
	return &seconds
}

// startsIn estimates, in seconds, when the first well of a queued execution
// starts: when the wells ahead of it are done, at the pace of wells so far. It
// is nil while no well gives a pace.
func (s *Server) startsIn(x engine.Execution) *float64 {
	if x.Status != enums.ExecutionQueued {
		return nil
	}
	var all pace
	ahead := 0
	before := true
	for _, other := range s.engine.Executions() {
		_, wells, ok := s.engine.Execution(other.ID)
		if !ok {
			continue
		}
		p := paceOf(wells)
		all.took += p.took
		all.done += p.done
		before = before && other.ID != x.ID
		if before && !other.Status.Final() {
			ahead += p.left
		}
	}
	if all.done == 0 {
		return nil
	}
	seconds := all.took.Seconds() / float64(all.done) * float64(ahead) / float64(s.options.Workers)
	return &seconds
}
