package progress

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/wake"
)

const (
	// queueLimit is how many events wait for the socket before only the
	// newest of each well are kept.
	queueLimit = 256
	// sendMark is the socket's own high-water mark, in frames.
	sendMark = 256
	// flushLimit bounds how long Close waits for frames to leave.
	flushLimit = 200 * time.Millisecond
)

// Pusher sends a worker's events to its server without ever making the
// worker wait.
type Pusher struct {
	context *zmq.Context
	socket  *zmq.Socket // owned by run
	waker   *wake.Waker
	done    chan struct{}

	mutex    sync.Mutex
	queue    []*Event
	sequence uint64
	dropped  uint64
	closing  bool
}

// NewPusher connects to a server's progress endpoint ("ipc:///…"). The server
// need not be there, now or ever.
func NewPusher(endpoint string) (_ *Pusher, err error) {
	p := &Pusher{done: make(chan struct{})}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	if p.context, err = zmq.NewContext(); err != nil {
		return nil, fmt.Errorf("create progress context: %w", err)
	}
	if err = p.context.SetBlocky(false); err != nil {
		return nil, fmt.Errorf("set up progress context: %w", err)
	}
	if p.socket, err = p.context.NewSocket(zmq.PUSH); err != nil {
		return nil, fmt.Errorf("create progress socket: %w", err)
	}
	if err = errors.Join(
		p.socket.SetLinger(flushLimit/2),
		p.socket.SetSndhwm(sendMark),
		// Without a server frames stay in our queue, where newer ones
		// replace them, instead of filling the socket's.
		p.socket.SetImmediate(true),
		p.socket.SetReconnectIvl(50*time.Millisecond),
		p.socket.SetReconnectIvlMax(time.Second),
	); err != nil {
		return nil, fmt.Errorf("set up progress socket: %w", err)
	}
	if p.waker, err = wake.New(p.context); err != nil {
		return nil, err
	}
	if err = p.socket.Connect(endpoint); err != nil {
		return nil, fmt.Errorf("connect progress socket to %s: %w", endpoint, err)
	}
	go p.run()
	return p, nil
}

// Send queues the event and returns at once. It numbers the event, and adds
// time and pid where they are missing. The event belongs to the pusher from
// here on. After Close it does nothing.
func (p *Pusher) Send(event *Event) {
	if event.Timestamp == 0 {
		event.Timestamp = Seconds(time.Now())
	}
	if event.Pid == 0 {
		event.Pid = int64(os.Getpid())
	}
	p.mutex.Lock()
	if p.closing {
		p.mutex.Unlock()
		return
	}
	p.sequence++
	event.Sequence = p.sequence
	p.queue = append(p.queue, event)
	if len(p.queue) > queueLimit {
		p.keepNewest()
	}
	p.mutex.Unlock()
	p.waker.Wake()
}

// keepNewest leaves the last event of each well, in their order.
func (p *Pusher) keepNewest() {
	type subject struct{ execution, well string }
	seen := make(map[subject]bool)
	first := len(p.queue)
	for i := len(p.queue) - 1; i >= 0; i-- {
		event := p.queue[i]
		key := subject{event.GetExecution(), event.GetWell()}
		if seen[key] {
			continue
		}
		seen[key] = true
		first--
		p.queue[first] = event
	}
	// Whoever sends about more wells than the queue holds loses the oldest.
	if len(p.queue)-first > queueLimit {
		first = len(p.queue) - queueLimit
	}
	p.dropped += uint64(first)
	p.queue = append(p.queue[:0], p.queue[first:]...)
}

// Dropped counts the events that were replaced by newer ones.
func (p *Pusher) Dropped() uint64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.dropped
}

// Close sends what is queued if that is possible within 200 ms, and ends the
// pusher.
func (p *Pusher) Close() {
	p.mutex.Lock()
	p.closing = true
	p.mutex.Unlock()
	p.waker.Wake()
	<-p.done
}

// run owns the socket.
func (p *Pusher) run() {
	defer close(p.done)
	defer p.release()
	poller := zmq.NewPoller()
	poller.Add(p.waker.Socket(), zmq.POLLIN)
	output := poller.Add(p.socket, 0)
	var pending []byte // encoded, refused by the socket so far
	var deadline time.Time
	for {
		p.waker.Drain()
		pending = p.flush(pending)

		timeout := time.Duration(-1)
		p.mutex.Lock()
		closing := p.closing
		p.mutex.Unlock()
		if closing {
			if deadline.IsZero() {
				deadline = time.Now().Add(flushLimit / 2)
			}
			// Whole milliseconds, or the poll's zero would spin.
			timeout = time.Until(deadline).Truncate(time.Millisecond)
			if pending == nil || timeout <= 0 {
				return
			}
		}
		events := zmq.State(0)
		if pending != nil {
			events = zmq.POLLOUT
		}
		if _, err := poller.Update(output, events); err != nil {
			return
		}
		if _, err := poller.Poll(timeout); err != nil {
			return
		}
	}
}

// flush sends until the queue is empty or the socket takes no more; it
// returns the frame that the socket refused.
func (p *Pusher) flush(frame []byte) []byte {
	for {
		if frame == nil {
			p.mutex.Lock()
			if len(p.queue) == 0 {
				p.mutex.Unlock()
				return nil
			}
			event := p.queue[0]
			p.queue = p.queue[1:]
			p.mutex.Unlock()
			var err error
			if frame, err = event.Encode(); err != nil {
				frame = nil // not UTF-8: one event less
				continue
			}
		}
		if _, err := p.socket.SendBytes(frame, zmq.DONTWAIT); err != nil {
			return frame
		}
		frame = nil
	}
}

// release closes the sockets; ending the context waits for the linger only.
func (p *Pusher) release() {
	if p.waker != nil {
		p.waker.Close()
	}
	if p.socket != nil {
		_ = p.socket.Close()
	}
	if p.context != nil {
		_ = p.context.Term()
	}
}
