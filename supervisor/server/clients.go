package server

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

const (
	// silence is how long clients may say nothing before they count as gone:
	// they ask for the status every half second.
	silence = 15 * time.Second
	// afterLast is how long a server waits for the next client once the last
	// one has left: commands in a row use the same server.
	afterLast = time.Second
	// maxClients bounds who is remembered.
	maxClients = 10_000
)

// clients are those who registered for progress, and what is heard of anybody.
type clients struct {
	now    func() time.Time
	mu     sync.Mutex
	all    map[string]time.Time // when last registered
	calls  int                  // requests being answered
	asked  time.Time            // when anybody last asked for anything but a ping
	pinged time.Time            // when anybody was last heard of at all
	left   bool                 // somebody was here and has left
	closed bool                 // nobody is let in any more
}

func newClients(now func() time.Time) *clients {
	return &clients{now: now, all: map[string]time.Time{}, asked: now(), pinged: now()}
}

// begin notes that a request is being answered, end that it was.
func (c *clients) begin(ping bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.heard(ping)
}

func (c *clients) end(ping bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls--
	c.heard(ping)
}

func (c *clients) heard(ping bool) {
	c.pinged = c.now()
	if !ping { // whoever only looks whether a server is there is no client of it
		c.asked = c.pinged
	}
}

// join registers a client and returns how many there are. It may come again.
func (c *clients) join(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[id] = c.now()
	if len(c.all) > maxClients {
		oldest := id
		for other, at := range c.all {
			if at.Before(c.all[oldest]) {
				oldest = other
			}
		}
		delete(c.all, oldest)
	}
	return len(c.all)
}

func (c *clients) leave(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, id)
	c.left = true // also one that never registered says so when it leaves
	return len(c.all)
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// close lets nobody in any more if nobody is there: none registered since the
// last one left, or all silent. It tells whether that is so.
func (c *clients) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	silent := now.Sub(c.asked) > silence
	if len(c.all) == 0 {
		silent = now.Sub(c.pinged) > silence || c.left && now.Sub(c.pinged) > afterLast
	}
	c.closed = c.closed || silent && c.calls == 0
	return c.closed
}

// admits tells whether new work is taken.
func (c *clients) admits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed
}

// register notes a client and hands it the latest event of every well, which
// it may have missed.
func (s *Server) register(r message.RegisterProgress) (any, error) {
	if !s.admits() {
		return nil, errEnding()
	}
	reply := message.Registration{
		Status: message.StatusOK, Message: "Progress registered", ClientID: r.ClientID,
		ProgressSubscribers: s.clients.join(r.ClientID),
	}
	for _, event := range s.board.latest() {
		frame, err := event.JSON()
		if err != nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(frame, &fields) == nil {
			reply.Events = append(reply.Events, fields)
		}
	}
	return reply, nil
}

// lifetime decides when a server that does not persist has nothing left to do.
type lifetime struct {
	persistent bool
	idle       func() bool // no execution and no client, and none will be let in
	once       sync.Once
	cause      string
	asked      chan struct{} // closed when the server should end
	done       atomic.Bool
	nudge      chan struct{}
}

func newLifetime(persistent bool, idle func() bool) *lifetime {
	return &lifetime{persistent: persistent, idle: idle, asked: make(chan struct{}), nudge: make(chan struct{}, 1)}
}

func (l *lifetime) end(cause string) {
	l.once.Do(func() {
		l.cause = cause
		l.done.Store(true)
		close(l.asked)
	})
}

func (l *lifetime) ending() bool { return l.done.Load() }

// look asks the watch to look now.
func (l *lifetime) look() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// watch ends a server that is not persistent once it is idle. That a client has
// died without a word shows only by its silence, hence the ticker.
func (l *lifetime) watch(ctx context.Context) {
	if l.persistent {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.nudge:
		case <-ticker.C:
		}
		if l.idle() {
			l.end("its last client and execution have gone")
			return
		}
	}
}
