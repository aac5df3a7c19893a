package control

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/wake"
)

// Client asks one server. Its methods may be called from any goroutine.
type Client struct {
	endpoint string
	options  Options

	context *zmq.Context
	socket  *zmq.Socket // owned by run
	waker   *wake.Waker
	done    chan struct{}

	mutex   sync.Mutex
	closing bool
	last    uint64
	calls   map[uint64]*call
	queue   []*call // those to be sent, in order
}

// call is a request under way.
type call struct {
	id         uint64
	frame      []byte
	idempotent bool
	queued     bool        // waits to be sent, for the first time or again
	sent       bool        // has left at least once
	resend     time.Time   // when to send again, if idempotent
	reply      chan []byte // takes one reply
}

// Dial makes a client of the server at a control endpoint. It does not wait
// for the server, which may come later and go in between.
func Dial(endpoint string, options Options) (*Client, error) {
	c := &Client{endpoint: endpoint, options: options.withDefaults(), done: make(chan struct{}), calls: map[uint64]*call{}}
	var err error
	c.context, c.socket, err = connect(zmq.DEALER, endpoint, c.options, func(s *zmq.Socket) error {
		return errors.Join(
			s.SetImmediate(true), // send only over a connection that exists
			s.SetSndhwm(1000),
			s.SetRcvhwm(1000),
		)
	})
	if err != nil {
		return nil, err
	}
	if c.waker, err = wake.New(c.context); err != nil {
		_ = c.socket.Close()
		_ = c.context.Term()
		return nil, err
	}
	go c.run()
	return c, nil
}

// Endpoint is where the client asks.
func (c *Client) Endpoint() string { return c.endpoint }

// Call sends a request and reads the reply into a pointer to one of package
// message's reply types (nil to ignore it). It ends with the context, or
// after Options.Timeout when that has no deadline. An error reply is an
// [*message.Error]; see also [ErrUnreachable] and [ErrNoReply].
func (c *Client) Call(ctx context.Context, request message.Request, reply any) error {
	frame, err := message.EncodeRequest(c.options.Codec, request)
	if err != nil {
		return err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	call, err := c.enqueue(frame, message.Idempotent(request))
	if err != nil {
		return err
	}
	select {
	case frame := <-call.reply:
		return message.DecodeReply(frame, reply)
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		err = ErrClosed
	}
	// The reply may have come at the same moment.
	sent := c.forget(call)
	select {
	case frame := <-call.reply:
		return message.DecodeReply(frame, reply)
	default:
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrUnreachable
		if sent {
			err = ErrNoReply
		}
	}
	return fmt.Errorf("ask %s for %s: %w", c.endpoint, request.MessageType(), err)
}

// Close ends the client; calls under way return [ErrClosed].
func (c *Client) Close() {
	c.mutex.Lock()
	c.closing = true
	c.mutex.Unlock()
	c.waker.Wake()
	<-c.done
}

func (c *Client) enqueue(frame []byte, idempotent bool) (*call, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closing {
		return nil, ErrClosed
	}
	c.last++
	call := &call{id: c.last, frame: frame, idempotent: idempotent, queued: true, reply: make(chan []byte, 1)}
	c.calls[call.id] = call
	c.queue = append(c.queue, call)
	c.waker.Wake()
	return call, nil
}

// forget drops a call, and says whether its request has left.
func (c *Client) forget(call *call) (sent bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.calls, call.id)
	return call.sent
}

// run owns the socket.
func (c *Client) run() {
	defer close(c.done)
	defer func() {
		c.waker.Close()
		_ = c.socket.Close()
		_ = c.context.Term()
	}()
	poller := zmq.NewPoller()
	poller.Add(c.waker.Socket(), zmq.POLLIN)
	input := poller.Add(c.socket, zmq.POLLIN)
	for {
		c.waker.Drain()
		c.receive()
		blocked, timeout, closing := c.send(time.Now())
		if closing {
			return
		}
		events := zmq.POLLIN
		if blocked {
			events |= zmq.POLLOUT
		}
		if _, err := poller.Update(input, events); err != nil {
			return
		}
		if _, err := poller.Poll(timeout); err != nil {
			return
		}
	}
}

// send hands what is due to the socket. blocked says that the socket takes no
// more (there is no connection); timeout is until something is due again.
func (c *Client) send(now time.Time) (blocked bool, timeout time.Duration, closing bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closing {
		return false, 0, true
	}
	timeout = -1
	wakeIn := func(d time.Duration) {
		// Whole milliseconds, rounded up, or the poll spins.
		if d = d.Truncate(time.Millisecond) + time.Millisecond; timeout < 0 || d < timeout {
			timeout = d
		}
	}
	for _, call := range c.calls {
		if call.queued || !call.idempotent {
			continue
		}
		if left := call.resend.Sub(now); left > 0 {
			wakeIn(left)
			continue
		}
		call.queued = true // once more, behind what is new
		c.queue = append(c.queue, call)
	}
	for ; len(c.queue) > 0; c.queue = c.queue[1:] {
		call := c.queue[0]
		if c.calls[call.id] == nil {
			continue // its caller gave up
		}
		if !c.transmit(call) {
			return true, timeout, false
		}
		call.queued, call.sent = false, true
		if call.idempotent {
			call.resend = now.Add(c.options.Resend)
			wakeIn(c.options.Resend)
		}
	}
	return false, timeout, false
}

// transmit sends [id, "", payload]; false when there is no connection.
func (c *Client) transmit(call *call) bool {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], call.id)
	_, err := c.socket.SendMessageDontwait(id[:], []byte{}, call.frame)
	return err == nil
}

// receive hands every reply that has come to its caller.
func (c *Client) receive() {
	for {
		parts, err := c.socket.RecvMessageBytes(zmq.DONTWAIT)
		if err != nil {
			return
		}
		if len(parts) != 3 || len(parts[0]) != 8 || len(parts[1]) != 0 {
			continue // no server of this protocol sends that
		}
		id := binary.BigEndian.Uint64(parts[0])
		c.mutex.Lock()
		call := c.calls[id]
		delete(c.calls, id)
		c.mutex.Unlock()
		if call != nil {
			call.reply <- parts[2]
		}
	}
}
