package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/wake"
)

// Why the loop answers by itself. Clients see these texts.
var (
	errEmpty      = errors.New("the message is empty: send one frame with a JSON object or a pickled dict")
	errManyFrames = errors.New("the message has several frames: send one frame with a JSON object or a pickled dict")
	errBusy       = errors.New("the server is busy: too many requests are open; try again")
	errStopping   = errors.New("the server is stopping")
	errRevoked    = errors.New("no access: this key was revoked")
)

// Loop is a server's sockets and the goroutine that owns them.
type Loop struct {
	options Options
	desk    *desk
	keys    *keyring
	crowd   *crowd
	stats   counters

	context  *zmq.Context
	control  *zmq.Socket
	data     *zmq.Socket // nil without Options.Data
	progress *zmq.Socket // nil without Options.Progress
	zap      *zmq.Socket // nil without Options.Curve
	waker    *wake.Waker

	controlEndpoints []string
	dataEndpoints    []string
	files            []socketFile

	spareReplies []outgoing
	spareFrames  [][]byte

	running  sync.Mutex // guards the two below
	started  bool
	stop     context.CancelFunc
	finished chan struct{}
}

// Listen creates and binds all sockets. The loop serves them in [Loop.Run].
func Listen(options Options) (_ *Loop, err error) {
	options = options.withDefaults()
	if options.OnRequest == nil || len(options.Control) == 0 {
		return nil, errors.New("listen: a control endpoint and OnRequest are required")
	}
	l := &Loop{
		options:  options,
		desk:     newDesk(options.MaxOpen, options.PublishQueue),
		keys:     newKeyring(),
		crowd:    &crowd{limit: options.MaxConnections, patience: options.Handshake, open: map[int]time.Time{}},
		finished: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			l.release()
		}
	}()
	if l.context, err = zmq.NewContext(); err != nil {
		return nil, fmt.Errorf("create socket context: %w", err)
	}
	if err = l.context.SetBlocky(false); err != nil {
		return nil, fmt.Errorf("set up socket context: %w", err)
	}
	if l.waker, err = wake.New(l.context); err != nil {
		return nil, err
	}
	// Before anything is bound over TCP: libzmq lets everybody in where
	// nobody answers ZAP.
	if options.Curve != nil {
		for _, key := range options.Curve.Allowed {
			if err = l.keys.allow(key); err != nil {
				return nil, err
			}
		}
		if l.zap, err = l.bindZAP(); err != nil {
			return nil, err
		}
	}
	if l.control, l.controlEndpoints, err = l.bindControl(); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err = l.crowd.watch(l.context, l.control, l.controlEndpoints); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if len(options.Data) > 0 {
		if l.data, l.dataEndpoints, err = l.bindData(); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		if err = l.crowd.watch(l.context, l.data, l.dataEndpoints); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
	}
	if options.Progress.Address != "" {
		if l.progress, err = l.bindProgress(); err != nil {
			return nil, fmt.Errorf("progress: %w", err)
		}
	}
	return l, nil
}

// ControlEndpoints are the addresses that the control socket is bound to,
// with the ports that were free.
func (l *Loop) ControlEndpoints() []string { return l.controlEndpoints }

// DataEndpoints are the addresses that the data socket is bound to.
func (l *Loop) DataEndpoints() []string { return l.dataEndpoints }

// Reply answers a request. It is false, and nothing is sent, when the request
// has had its reply, also one of the loop because it took too long.
func (l *Loop) Reply(request Request, payload []byte) bool {
	if !l.desk.answer(request.ID, payload) {
		l.stats.late.Add(1)
		return false
	}
	l.waker.Wake()
	return true
}

// Publish sends a frame to everybody who subscribed. Without a data socket that
// publishes, and after the loop has ended, it does nothing.
func (l *Loop) Publish(frame []byte) {
	if l.data != nil && l.options.DataRole == Publishes && l.desk.enqueue(frame) {
		l.waker.Wake()
	}
}

// AllowKey lets a CURVE client in from now on, by its public key.
func (l *Loop) AllowKey(key string) error { return l.keys.allow(key) }

// RevokeKey keeps a CURVE client out from now on: its connections that are open
// get an error for every request. Whoever follows the data channel over one
// follows it until that connection ends, since libzmq cannot close it.
func (l *Loop) RevokeKey(key string) error { return l.keys.revoke(key) }

// Close ends the loop and waits until its sockets are closed. A loop that
// never ran is closed at once.
func (l *Loop) Close() {
	l.running.Lock()
	if !l.started {
		l.started = true
		l.desk.close()
		l.release()
		close(l.finished)
	}
	stop := l.stop
	l.running.Unlock()
	if stop != nil {
		stop()
	}
	<-l.finished
}

// Run serves the sockets until the context ends or Close is called, then
// answers what is open, closes the sockets and returns nil. It runs once.
func (l *Loop) Run(ctx context.Context) error {
	l.running.Lock()
	if l.started {
		l.running.Unlock()
		return errors.New("run loop: it ran before")
	}
	l.started = true
	ctx, l.stop = context.WithCancel(ctx)
	stop := l.stop
	l.running.Unlock()

	defer stop()
	defer close(l.finished)
	defer l.release()
	defer l.desk.close()
	defer context.AfterFunc(ctx, l.waker.Wake)()

	err := l.serve(ctx)
	l.drain()
	if err != nil {
		return fmt.Errorf("serve sockets: %w", err)
	}
	return nil
}

func (l *Loop) serve(ctx context.Context) error {
	poller := zmq.NewPoller()
	for _, socket := range append([]*zmq.Socket{l.waker.Socket(), l.control, l.zap, l.data, l.progress}, l.crowd.monitors...) {
		if socket != nil {
			poller.Add(socket, zmq.POLLIN)
		}
	}
	timeout := time.Duration(0)
	// The end is looked for after a drain, as everything that wakes is: a wake for
	// it may have been spared because another was under way, and was drained.
	for ctx.Err() == nil {
		polled, err := poller.Poll(timeout)
		if err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		var progress bool
		for _, p := range polled {
			switch p.Socket {
			case l.waker.Socket():
				l.waker.Drain()
			case l.control:
				l.receiveControl()
			case l.zap:
				l.receiveZAP()
			case l.data:
				if l.options.DataRole == Publishes {
					l.receiveSubscriptions()
				} else {
					l.receiveData()
				}
			case l.progress:
				progress = true
			default:
				l.receiveArrivals(p.Socket)
			}
		}
		l.sendReplies()
		if progress {
			l.receiveProgress()
		}
		timeout = l.untilNext(l.sendFrames())
	}
	return nil
}

// untilNext is how long the poll may sleep: not at all when frames wait, else
// until a request is due. It answers the requests that are due already.
func (l *Loop) untilNext(framesWait bool) time.Duration {
	now := time.Now()
	expired, next := l.desk.expire(now, false, l.errTimeout())
	if expired > 0 {
		l.stats.expired.Add(uint64(expired))
		l.options.Logger.Warn("requests got no answer in time", "count", expired, "timeout", l.options.ReplyTimeout)
		l.sendReplies()
	}
	switch {
	case framesWait:
		return 0
	case next.IsZero():
		return -1
	default:
		// The poll counts whole milliseconds: round up, or it spins.
		return next.Sub(now).Truncate(time.Millisecond) + time.Millisecond
	}
}

func (l *Loop) errTimeout() error {
	return fmt.Errorf("the server had no answer within %v; ask for the status before you send it again", l.options.ReplyTimeout)
}

// drain answers what has arrived and what is open, and sends what is queued.
func (l *Loop) drain() {
	l.desk.close()
	for range controlPerTurn {
		parts, _, cut, err := receive(l.control)
		if err != nil {
			break
		}
		to, payload, _ := parse(parts, cut)
		l.refuse(to, payload, errStopping)
	}
	expired, _ := l.desk.expire(time.Time{}, true, errStopping)
	l.stats.expired.Add(uint64(expired))
	l.sendReplies()
	for l.sendFrames() {
	}
}

// release removes the socket files and closes the sockets; ending the context
// waits for their linger only.
func (l *Loop) release() {
	// First, so that a client finds either a server or nothing.
	for _, file := range l.files {
		file.remove()
	}
	if l.waker != nil {
		l.waker.Close()
	}
	for _, socket := range append([]*zmq.Socket{l.control, l.data, l.progress, l.zap}, l.crowd.monitors...) {
		if socket != nil {
			_ = socket.Close()
		}
	}
	if l.context != nil {
		_ = l.context.Term()
	}
}
