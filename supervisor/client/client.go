package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// ErrNoServer is returned when nobody answers and nobody was to be started.
var ErrNoServer = errors.New("no server answers")

// Options say where the server is.
type Options struct {
	Places  place.Places
	Port    int            // data port
	Control int            // control port; 0 = the one that the server chose, or place.ControlOffset above the data port
	Host    string         // connect over TCP to this host; "" = this user's IPC sockets
	Curve   *control.Curve // keys, for a server that requires them
	Timeout time.Duration  // of one call; 5 s
}

// controlPort is the one given, or else the one that the server says it chose.
func (o Options) controlPort() int {
	if o.Control != 0 {
		return o.Control
	}
	if o.Host == "" {
		if holder := FindHolder(o); holder.Held && holder.Control > 0 {
			return holder.Control
		}
	}
	return o.Port + place.ControlOffset
}

func (o Options) endpoints() (controlEndpoint, dataEndpoint string) {
	if o.Host != "" {
		return fmt.Sprintf("tcp://%s:%d", o.Host, o.controlPort()), fmt.Sprintf("tcp://%s:%d", o.Host, o.Port)
	}
	return place.Endpoint(o.Places.Socket(o.controlPort())), place.Endpoint(o.Places.Socket(o.Port))
}

func (o Options) control() control.Options {
	return control.Options{Curve: o.Curve, Timeout: o.Timeout}
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	options Options
	control *control.Client
	data    string
	id      string
	started bool // by us
	locked  bool // the server holds its port's lock, and can be seen to end
	pong    message.Pong
}

// Connect finds the server, or returns ErrNoServer.
func Connect(ctx context.Context, o Options) (*Client, error) {
	endpoint, data := o.endpoints()
	if o.absent() {
		return nil, silent(o, endpoint, control.ErrUnreachable)
	}
	pong, err := control.Probe(ctx, endpoint, o.control())
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("find server: %w", ctx.Err())
		}
		return nil, silent(o, endpoint, err)
	}
	c, err := control.Dial(endpoint, o.control())
	if err != nil {
		return nil, fmt.Errorf("connect to server: %w", err)
	}
	locked := o.Host == "" && FindHolder(o).Held
	return &Client{options: o, control: c, data: data, id: uuid.NewString(), pong: pong, locked: locked}, nil
}

// absent tells whether certainly nobody is there: no need to wait for an answer.
func (o Options) absent() bool {
	if o.Host != "" || FindHolder(o).Held {
		return false // or it starts
	}
	conn, err := net.DialTimeout("unix", o.Places.Socket(o.controlPort()), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// silent says why nobody answered and what to do about it.
func silent(o Options, endpoint string, err error) error {
	if o.Host == "" {
		if holder := FindHolder(o); holder.Held {
			return fmt.Errorf("%w: process %d holds port %d and is silent: look at it with `supervisor ps --port %d`, or end it with `kill %d`",
				ErrNoServer, holder.PID, o.Port, o.Port, holder.PID)
		}
	}
	if errors.Is(err, control.ErrUnreachable) {
		return fmt.Errorf("%w at %s: start one with `supervisor serve`, or let `supervisor run` start it", ErrNoServer, endpoint)
	}
	return fmt.Errorf("%w: %w", ErrNoServer, err)
}

// Server is how the server introduced itself when the client connected.
func (c *Client) Server() message.Pong { return c.pong }

// Started tells whether this client started the server.
func (c *Client) Started() bool { return c.started }

// ErrEnded is returned when the server ended while its reply was awaited. What
// was asked may have been done.
var ErrEnded = fmt.Errorf("the server has ended: %w", control.ErrUnreachable)

// Call sends any request; the methods below are the usual ones. A server that
// ends takes replies that are on their way with it; its lock tells that, long
// before the time for a reply is over.
func (c *Client) Call(ctx context.Context, request message.Request, reply any) error {
	if !c.locked {
		return c.control.Call(ctx, request, reply)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with this call
		ticker := time.NewTicker(endPause)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if !FindHolder(c.options).Held {
				cancel(ErrEnded)
				return
			}
		}
	}()
	err := c.control.Call(ctx, request, reply)
	if err != nil && errors.Is(context.Cause(ctx), ErrEnded) {
		return fmt.Errorf("ask for %s: %w", request.MessageType(), ErrEnded)
	}
	return err
}

// Ping asks how the server is.
func (c *Client) Ping(ctx context.Context) (message.Pong, error) {
	var pong message.Pong
	err := c.Call(ctx, message.Ping{}, &pong)
	return pong, err
}

// Submit queues a plate. It returns when the submission is durable, long before
// the plate is done. Where it may be repeated, as with a server that ends before
// it replies, r has a SubmissionID.
func (c *Client) Submit(ctx context.Context, r message.Execute) (message.Accepted, error) {
	var accepted message.Accepted
	err := c.Call(ctx, r, &accepted)
	return accepted, err
}

// Retry runs wells of an ended execution again, into the same results.
func (c *Client) Retry(ctx context.Context, r message.Retry) (message.Accepted, error) {
	var accepted message.Accepted
	err := c.Call(ctx, r, &accepted)
	return accepted, err
}

// Status returns one execution, by its id or a unique prefix.
func (c *Client) Status(ctx context.Context, id string) (message.Execution, error) {
	var reply message.ExecutionReply
	err := c.Call(ctx, message.Status{ExecutionID: id}, &reply)
	return reply.Execution, err
}

// Cancel ends one execution and leaves others alone.
func (c *Client) Cancel(ctx context.Context, id string) (message.Done, error) {
	var done message.Done
	err := c.Call(ctx, message.Cancel{ExecutionID: id}, &done)
	return done, err
}

// Kill is Cancel for an execution whose workers do not end when they are asked.
func (c *Client) Kill(ctx context.Context, id string) (message.Done, error) {
	var done message.Done
	err := c.Call(ctx, message.Cancel{ExecutionID: id, Force: true}, &done)
	return done, err
}

// Shutdown cancels every execution; with end the server ends too.
func (c *Client) Shutdown(ctx context.Context, end bool) (message.ShutdownAck, error) {
	var request message.Request = message.Shutdown{}
	if end {
		request = message.ForceShutdown{}
	}
	var ack message.ShutdownAck
	err := c.Call(ctx, request, &ack)
	if end && errors.Is(err, ErrEnded) {
		return message.NewShutdownAck("the server has ended"), nil
	}
	return ack, err
}

// Close leaves the server. A server that this client started and that is not
// persistent ends once nobody else is there and nothing runs.
func (c *Client) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Call(ctx, message.UnregisterProgress{ClientID: c.id}, nil) // the server notices silence too
	c.control.Close()
}
