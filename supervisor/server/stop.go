package server

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"time"
)

// stacks are those of all goroutines: what does not end, and where.
func stacks() string {
	text := make([]byte, 1<<18)
	return string(text[:runtime.Stack(text, true)])
}

// errHangs is returned by Run when something did not end that was told to.
var errHangs = errors.New("stop server: not everything ended, as on a share that hangs")

// drain lets running wells end for a while, then stops what is left; it goes
// back to the queue of the next server on the same data. A store that cannot be
// written does not hold it up for ever.
func (s *Server) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Drain+stopWait+killWait)
	defer cancel()
	if s.engine.Drain(ctx, false) != nil {
		return
	}
	if s.waitUntil(ctx, s.options.Drain, func() bool { return len(s.engine.Running()) == 0 }) {
		return
	}
	if s.engine.Drain(ctx, true) == nil {
		s.waitOrKill(ctx, func() bool { return len(s.engine.Running()) == 0 })
	}
}

// drainCancelled waits for executions that were cancelled to be over.
func (s *Server) drainCancelled(ctx context.Context) { s.waitOrKill(ctx, s.engine.Idle) }

// These bound how long a stop waits for processes that were told to end, however
// long a grace is configured for them, and then for those that were killed.
const (
	stopWait = 30 * time.Second
	killWait = 10 * time.Second
)

func (s *Server) waitOrKill(ctx context.Context, done func() bool) {
	if s.waitUntil(ctx, stopWait, done) {
		return
	}
	s.log.Warn("workers that were told to end do not: killing them", "told_before", stopWait)
	s.processes.KillAll()
	s.waitUntil(ctx, killWait, done)
}

func (s *Server) waitUntil(ctx context.Context, limit time.Duration, done func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		changed := s.engine.Changed()
		if done() {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (s *Server) end(cause string) { s.lifetime.end(cause) }

// Ending is closed when the server begins to end.
func (s *Server) Ending() <-chan struct{} { return s.lifetime.asked }

// makeWay gives back what the next server needs, and leaves the rest, which is
// still in use, to the end of the process: the kernel may put that off for as long
// as a thread is stuck in it.
func (s *Server) makeWay() error {
	s.loop.Close()
	errs := []error{s.edge.jobs.dropIdle()}
	for _, l := range s.locks {
		errs = append(errs, l.Release())
	}
	return errors.Join(errs...)
}

// release gives back everything New took.
func (s *Server) release() error {
	var errs []error
	if s.loop != nil {
		s.loop.Close()
	}
	if s.edge != nil {
		errs = append(errs, s.edge.jobs.dropIdle())
	}
	if s.processes != nil {
		s.processes.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	for _, l := range s.locks {
		errs = append(errs, l.Release())
	}
	s.loop, s.edge, s.processes, s.store, s.locks = nil, nil, nil, nil, nil
	if err := errors.Join(errs...); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}
