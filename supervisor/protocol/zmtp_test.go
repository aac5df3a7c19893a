package protocol

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// peer is one connection that speaks ZMTP 3 (ZeroMQ RFC 23) byte by byte, so
// that it can also say what no library would send.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

// patience bounds every answer of the server; they come within milliseconds on
// a machine that is not busy.
const patience = 30 * time.Second

// connect opens a connection to "ipc:///path" or "tcp://host:port" and says
// nothing yet.
func connect(endpoint string) (net.Conn, error) {
	network, address := "tcp", strings.TrimPrefix(endpoint, "tcp://")
	if path, ok := strings.CutPrefix(endpoint, "ipc://"); ok {
		network, address = "unix", path
	}
	return net.DialTimeout(network, address, patience)
}

// dial connects as a socket of the given type.
func dial(t testing.TB, endpoint, kind string) *peer {
	t.Helper()
	conn, err := connect(endpoint)
	if err != nil {
		t.Fatalf("connect to %s: %v", endpoint, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := &peer{conn: conn, in: bufio.NewReader(conn)}
	if err := p.handshake(kind); err != nil {
		t.Fatalf("introduce ourselves to %s: %v", endpoint, err)
	}
	return p
}

// greeting of ZMTP 3.0 with the NULL mechanism.
func greeting() []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10] = 0xff, 0x7f, 3
	copy(g[12:], "NULL")
	return g
}

func (p *peer) handshake(kind string) error {
	ready := "\x05READY\x0bSocket-Type" + string(binary.BigEndian.AppendUint32(nil, uint32(len(kind)))) + kind
	if _, err := p.conn.Write(append(greeting(), frame(flagCommand, []byte(ready))...)); err != nil {
		return err
	}
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.ReadFull(p.in, make([]byte, 64)); err != nil {
		return fmt.Errorf("wait for the greeting: %w", err)
	}
	flags, body, err := p.frame()
	if err == nil && (flags&flagCommand == 0 || !strings.HasPrefix(string(body), "\x05READY")) {
		err = fmt.Errorf("the server says %q instead of READY", body)
	}
	return err
}

// frame writes one frame in its form on the wire.
func frame(flags byte, body []byte) []byte {
	if len(body) > 255 {
		return append(binary.BigEndian.AppendUint64([]byte{flags | flagLong}, uint64(len(body))), body...)
	}
	return append([]byte{flags, byte(len(body))}, body...)
}

// send sends a message of one or more frames.
func (p *peer) send(frames ...[]byte) error {
	var message []byte
	for i, f := range frames {
		flags := byte(flagMore)
		if i == len(frames)-1 {
			flags = 0
		}
		message = append(message, frame(flags, f)...)
	}
	_, err := p.conn.Write(message)
	return err
}

func (p *peer) frame() (flags byte, body []byte, err error) {
	if flags, err = p.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := make([]byte, 8)
	short := size[7:]
	if flags&flagLong != 0 {
		short = size
	}
	if _, err = io.ReadFull(p.in, short); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint64(size)
	if n > 64<<20 {
		return 0, nil, fmt.Errorf("the server announces %d bytes", n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(p.in, body)
	return flags, body, err
}

// receive returns the next message, answering the server's heartbeats.
func (p *peer) receive(within time.Duration) ([][]byte, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	var message [][]byte
	for {
		flags, body, err := p.frame()
		if err != nil {
			return message, err
		}
		if flags&flagCommand != 0 {
			if context, ok := strings.CutPrefix(string(body), "\x04PING"); ok && len(context) >= 2 {
				if _, err := p.conn.Write(frame(flagCommand, []byte("\x04PONG"+context[2:]))); err != nil {
					return nil, err
				}
			}
			continue
		}
		message = append(message, body)
		if flags&flagMore == 0 {
			return message, nil
		}
	}
}

// ask sends one payload as REQ does and returns the one reply.
func (p *peer) ask(t testing.TB, payload []byte) []byte {
	t.Helper()
	if err := p.send(nil, payload); err != nil {
		t.Fatalf("send a request: %v", err)
	}
	reply, err := p.receive(patience)
	if err != nil {
		t.Fatalf("waited %s for the reply to a request of %d bytes: %v", patience, len(payload), err)
	}
	if len(reply) != 2 || len(reply[0]) != 0 {
		t.Fatalf("a reply has %d frames, want an empty one and one: %.300q", len(reply), reply)
	}
	return reply[1]
}
