package wake

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	zmq "github.com/pebbe/zmq4"
)

// Waker wakes the goroutine that owns it out of a poll.
type Waker struct {
	armed atomic.Bool // a frame is under way

	sending sync.Mutex // guards the sending end, which no goroutine owns
	send    *zmq.Socket
	receive *zmq.Socket
}

// New makes a waker among the sockets of the context.
func New(context *zmq.Context) (*Waker, error) {
	w := &Waker{}
	endpoint := fmt.Sprintf("inproc://wellhouse.wake.%p", w)
	var err error
	if w.receive, err = pair(context); err != nil {
		return nil, err
	}
	if w.send, err = pair(context); err != nil {
		w.Close()
		return nil, err
	}
	if err := w.receive.Bind(endpoint); err != nil {
		w.Close()
		return nil, fmt.Errorf("bind wake socket: %w", err)
	}
	if err := w.send.Connect(endpoint); err != nil {
		w.Close()
		return nil, fmt.Errorf("connect wake socket: %w", err)
	}
	return w, nil
}

func pair(context *zmq.Context) (*zmq.Socket, error) {
	socket, err := context.NewSocket(zmq.PAIR)
	if err != nil {
		return nil, fmt.Errorf("create wake socket: %w", err)
	}
	if err := socket.SetLinger(0); err != nil {
		return nil, errors.Join(fmt.Errorf("set linger of wake socket: %w", err), socket.Close())
	}
	return socket, nil
}

// Socket is the end that the owner polls for input.
func (w *Waker) Socket() *zmq.Socket { return w.receive }

// Wake ends the owner's present or next poll. It never blocks, and does
// nothing after Close.
func (w *Waker) Wake() {
	if w.armed.Swap(true) {
		return
	}
	w.sending.Lock()
	defer w.sending.Unlock()
	if w.send != nil {
		// It can fail only with a full queue (then a wake is under way
		// already) or with a context that ends.
		_, _ = w.send.SendBytes(nil, zmq.DONTWAIT)
	}
}

// Drain takes the wakes that arrived. Only the owner calls it, and reads its
// queues afterwards: whatever was queued before a wake is then seen.
func (w *Waker) Drain() {
	for {
		if _, err := w.receive.RecvBytes(zmq.DONTWAIT); err != nil {
			break
		}
	}
	// Disarm last: a wake that comes between finds the flag set and sends
	// nothing, which is right, because its queue is read after this.
	w.armed.Store(false)
}

// Close closes both ends. Only the owner calls it.
func (w *Waker) Close() {
	w.sending.Lock()
	defer w.sending.Unlock()
	if w.send != nil {
		_ = w.send.Close()
		w.send = nil
	}
	if w.receive != nil {
		_ = w.receive.Close()
	}
}
