package server

import "sync"

// requests are the handlers under way. Once it is finished no further one is
// started: what they need is given back then.
type requests struct {
	mu       sync.Mutex
	finished bool
	group    sync.WaitGroup
}

// start runs a handler in a goroutine of its own, and tells whether it did.
func (r *requests) start(handle func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.finished {
		r.group.Go(handle)
	}
	return !r.finished
}

// finish refuses further handlers and waits for those under way.
func (r *requests) finish() {
	r.mu.Lock()
	r.finished = true
	r.mu.Unlock()
	r.group.Wait()
}
