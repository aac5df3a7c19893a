package control

import (
	"errors"
	"fmt"
	"strings"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// Why a call got no reply.
var (
	// ErrUnreachable: nobody is connected at the endpoint; nothing was sent.
	ErrUnreachable = errors.New("no server answers there")
	// ErrNoReply: the request was sent, and no reply came in time.
	ErrNoReply = errors.New("the server did not reply in time")
	// ErrClosed: the client is closed.
	ErrClosed = errors.New("the client is closed")
)

// Curve are the keys for a server that requires them, 40 characters of Z85
// each.
type Curve struct {
	ServerKey            string
	PublicKey, SecretKey string // the client's own
}

// Options says how a client speaks. Zero values have the defaults given here.
type Options struct {
	Codec    message.Codec // JSON
	Curve    *Curve        // nil: no keys
	Timeout  time.Duration // of a call whose context has no deadline; 5 s
	Resend   time.Duration // until an idempotent request is sent again; 1 s
	MaxReply int64         // bytes; 64 MiB
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Resend == 0 {
		o.Resend = time.Second
	}
	if o.MaxReply == 0 {
		o.MaxReply = message.MaxReply
	}
	return o
}

// connect makes a socket in a context of its own and connects it.
func connect(kind zmq.Type, endpoint string, o Options, setUp func(*zmq.Socket) error) (_ *zmq.Context, _ *zmq.Socket, err error) {
	zctx, err := zmq.NewContext()
	if err != nil {
		return nil, nil, fmt.Errorf("create socket context: %w", err)
	}
	if err := zctx.SetBlocky(false); err != nil {
		_ = zctx.Term()
		return nil, nil, fmt.Errorf("set up socket context: %w", err)
	}
	socket, err := zctx.NewSocket(kind)
	if err != nil {
		_ = zctx.Term()
		return nil, nil, fmt.Errorf("create %s socket: %w", kind, err)
	}
	err = errors.Join(
		socket.SetLinger(0),
		socket.SetIpv6(strings.HasPrefix(endpoint, "tcp://[")),
		socket.SetMaxmsgsize(o.MaxReply),
		socket.SetReconnectIvl(20*time.Millisecond),
		socket.SetReconnectIvlMax(500*time.Millisecond),
		socket.SetHeartbeatIvl(5*time.Second), // notices a server that is gone without a word
		socket.SetHeartbeatTimeout(15*time.Second),
		setUp(socket),
	)
	if o.Curve != nil {
		err = errors.Join(err, socket.ClientAuthCurve(o.Curve.ServerKey, o.Curve.PublicKey, o.Curve.SecretKey))
	}
	if err != nil {
		err = fmt.Errorf("set up %s socket: %w", kind, err)
	} else if err = socket.Connect(endpoint); err != nil {
		err = fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	if err != nil {
		_ = socket.Close()
		_ = zctx.Term()
		return nil, nil, err
	}
	return zctx, socket, nil
}
