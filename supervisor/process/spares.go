package process

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// spares are workers that wait for a task.
type spares struct {
	runner *Runner

	mu       sync.Mutex
	want     int
	idle     []*spare
	starting int
}

type spare struct {
	worker *plugin.Worker
	binary identity
	since  time.Time     // when it became ready
	taken  chan struct{} // closed when it got a task, or is discarded
}

func newSpares(r *Runner) *spares { return &spares{runner: r} }

// set changes the number wanted: too many are ended, missing ones started.
func (s *spares) set(n int) {
	s.mu.Lock()
	s.want = max(0, n)
	var surplus []*spare
	if len(s.idle) > s.want {
		surplus = append(surplus, s.idle[s.want:]...)
		s.idle = s.idle[:s.want]
	}
	s.mu.Unlock()
	for _, each := range surplus {
		s.discard(each)
	}
	s.fill()
}

// take returns a spare, nil when there is none, and starts another in its place.
func (s *spares) take() *plugin.Worker {
	defer s.fill()
	now := identify(s.runner.program.image)
	for {
		s.mu.Lock()
		if len(s.idle) == 0 {
			s.mu.Unlock()
			return nil
		}
		each := s.idle[0]
		s.idle = s.idle[1:]
		s.mu.Unlock()
		if each.binary != now || !each.good() {
			s.discard(each)
			continue
		}
		close(each.taken)
		return each.worker
	}
}

// freshSpare is how long a spare that said hello needs not be asked again.
const freshSpare = 5 * time.Second

// good tells whether a spare that waited, perhaps for hours, is still there.
func (s *spare) good() bool {
	if s.worker.Ended() {
		return false
	}
	if time.Since(s.since) < freshSpare {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.worker.Ping(ctx) == nil
}

// fill starts what is missing, each in a goroutine of its own. A start that
// fails is not tried again before the next take: what is wrong then shows in
// an attempt.
func (s *spares) fill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.runner.closing:
		return
	default:
	}
	for len(s.idle)+s.starting < s.want {
		s.starting++
		s.runner.tasks.Go(s.start)
	}
}

func (s *spares) start() {
	r := s.runner
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	r.tasks.Go(func() {
		select {
		case <-r.closing:
			cancel()
		case <-stop:
		}
	})
	marker := newMarker(r.prefix, "spare")
	each := &spare{binary: identify(r.program.image), taken: make(chan struct{})}
	worker, err := r.start(ctx, marker, s.log(), func(int) error { return nil })
	if err != nil && ctx.Err() == nil {
		r.log.Warn("start a spare worker", "error", err)
	}
	each.worker, each.since = worker, time.Now()

	s.mu.Lock()
	s.starting--
	surplus := err == nil && len(s.idle) >= s.want
	if err == nil && !surplus {
		s.idle = append(s.idle, each)
	}
	s.mu.Unlock()
	switch {
	case err != nil:
	case surplus:
		s.discard(each)
	default:
		r.tasks.Go(func() { s.watch(each) })
	}
}

// watch removes a spare that ends before it is taken.
func (s *spares) watch(each *spare) {
	select {
	case <-each.taken:
		return
	case <-each.worker.Exited():
	}
	s.mu.Lock()
	mine := false
	for i, other := range s.idle {
		if other == each {
			s.idle = append(s.idle[:i:i], s.idle[i+1:]...)
			mine = true
			break
		}
	}
	s.mu.Unlock()
	if mine {
		s.runner.log.Warn("spare worker ended", "pid", each.worker.Pid(), "exit", each.worker.Exit().String())
		s.discard(each)
	}
}

// discard ends a spare that is no longer in idle.
func (s *spares) discard(each *spare) {
	close(each.taken)
	s.runner.discard(each.worker)
}

// log is where all spares write until they get a task and its log: they have
// little to say, and a file of its own would cost a short well more than its log.
func (s *spares) log() string { return filepath.Join(s.runner.options.RunDir, "spare-workers.log") }

// ready tells how many spares wait.
func (s *spares) ready() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.idle)
}
