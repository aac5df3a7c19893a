package server

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// silence is how long a registered client may say nothing before it counts as
// gone: clients ask for the status every half second.
const silence = 15 * time.Second

// clients are those who registered for progress.
type clients struct {
	now  func() time.Time
	mu   sync.Mutex
	all  map[string]time.Time // when last registered
	last time.Time            // when anybody was heard of
}

func (c *clients) heard(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = at
}

func (c *clients) join(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[id] = c.now()
	return len(c.all)
}

func (c *clients) leave(id string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, id)
	return len(c.all)
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// gone tells whether nobody is there any more: none registered, or all silent.
func (c *clients) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Sub(c.last) > silence || len(c.all) == 0 && c.now().Sub(c.last) > time.Second
}

// register notes a client and hands it the latest event of every well, which
// it may have missed.
func (s *Server) register(r message.RegisterProgress) (any, error) {
	reply := message.Registration{
		Status: message.StatusOK, Message: "Progress registered", ClientID: r.ClientID,
		ProgressSubscribers: s.clients.join(r.ClientID),
	}
	for _, event := range s.board.replay() {
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
	idle       func() bool // no execution and no client
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
