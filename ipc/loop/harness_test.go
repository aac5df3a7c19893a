package loop

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the deadline of every wait in these tests.
const patience = 20 * time.Second

// server is a loop that runs until the test ends.
type server struct {
	*Loop
	control, data, progress string
}

// serve starts a loop on IPC endpoints of its own. The options may leave out
// endpoints and OnRequest, which then echoes.
func serve(t *testing.T, options Options) *server {
	t.Helper()
	folder := t.TempDir()
	s := &server{
		control:  ipcPrefix + filepath.Join(folder, "c"),
		data:     ipcPrefix + filepath.Join(folder, "d"),
		progress: ipcPrefix + filepath.Join(folder, "p"),
	}
	options.Control = append([]Endpoint{{Address: s.control}}, options.Control...)
	options.Data = append([]Endpoint{{Address: s.data}}, options.Data...)
	options.Progress = Endpoint{Address: s.progress}
	if options.OnRequest == nil {
		options.OnRequest = func(r Request) { s.Reply(r, r.Payload) }
	}
	var err error
	if s.Loop, err = Listen(options); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := wait(t, done, "the loop to end"); err != nil {
			t.Error(err)
		}
	})
	return s
}

// wait takes from a channel, or fails the test saying what it waited for.
func wait[T any](t *testing.T, channel <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// dial connects a socket that times out instead of hanging.
func dial(t *testing.T, kind zmq.Type, endpoint string, setUp ...func(*zmq.Socket) error) *zmq.Socket {
	t.Helper()
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	if err := zctx.SetBlocky(false); err != nil {
		t.Fatal(err)
	}
	socket, err := zctx.NewSocket(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = socket.Close()
		_ = zctx.Term()
	})
	err = errors.Join(socket.SetLinger(0), socket.SetRcvtimeo(patience), socket.SetSndtimeo(patience))
	for _, f := range setUp {
		err = errors.Join(err, f(socket))
	}
	if err = errors.Join(err, socket.Connect(endpoint)); err != nil {
		t.Fatal(err)
	}
	return socket
}

func subscribe(s *zmq.Socket) error { return s.SetSubscribe("") }

func send(t *testing.T, socket *zmq.Socket, parts ...any) {
	t.Helper()
	if _, err := socket.SendMessage(parts...); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func receiveParts(t *testing.T, socket *zmq.Socket) []string {
	t.Helper()
	parts, err := socket.RecvMessage(0)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return parts
}

// ask sends one frame and returns the one frame of the reply.
func ask(t *testing.T, socket *zmq.Socket, payload string) string {
	t.Helper()
	send(t, socket, payload)
	parts := receiveParts(t, socket)
	if len(parts) != 1 {
		t.Fatalf("the reply has %d frames: %q", len(parts), parts)
	}
	return parts[0]
}

// failure reads the message of a JSON error reply.
func failure(t *testing.T, reply string) string {
	t.Helper()
	var f struct{ Status, Type, Message string }
	if err := json.Unmarshal([]byte(reply), &f); err != nil {
		t.Fatalf("reply %q: %v", reply, err)
	}
	if f.Status != "error" || f.Type != "error" {
		t.Fatalf("reply %q is no error", reply)
	}
	return f.Message
}

func writeFile(path string) error { return os.WriteFile(path, nil, 0o600) }

// staleSocket leaves a socket file behind that nobody listens on.
func staleSocket(path string) error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	return listener.Close()
}

func permissions(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
