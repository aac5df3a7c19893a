package control

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// server answers requests with what a function returns.
type server struct {
	*loop.Loop
	answer func(message.Request) (any, error)
	stop   func()
}

type endpoints struct{ control, data string }

func paths(t *testing.T) endpoints {
	folder := t.TempDir()
	return endpoints{"ipc://" + filepath.Join(folder, "c"), "ipc://" + filepath.Join(folder, "d")}
}

func (s *server) handle(r loop.Request) {
	in, err := message.Decode(r.Payload)
	var request message.Request
	if err == nil {
		request, err = in.Request()
	}
	var reply any
	if err == nil {
		reply, err = s.answer(request)
	}
	if err == nil && reply == nil {
		return // stays silent
	}
	var frame []byte
	if err == nil {
		frame, err = in.Codec.Encode(reply)
	}
	if err != nil {
		frame = message.EncodeError(in.Codec, err)
	}
	s.Reply(r, frame)
}

func serve(t *testing.T, at endpoints, answer func(message.Request) (any, error)) *server {
	t.Helper()
	s := &server{answer: answer}
	var err error
	s.Loop, err = loop.Listen(loop.Options{
		Control: []loop.Endpoint{{Address: at.control}}, Data: []loop.Endpoint{{Address: at.data}},
		OnRequest: func(r loop.Request) { go s.handle(r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	s.stop = sync.OnceFunc(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func dial(t *testing.T, endpoint string, options Options) *Client {
	t.Helper()
	c, err := Dial(endpoint, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func pong(message.Request) (any, error) {
	return message.Pong{Type: message.TypePong, Port: 7777, ControlPort: 8777, Ready: true, Server: "Test", ServerRole: enums.RoleExecution}, nil
}

func TestCallInBothCodecs(t *testing.T) {
	t.Parallel()
	at := paths(t)
	serve(t, at, pong)
	for _, codec := range []message.Codec{message.JSON, message.Pickle} {
		got, err := Probe(within(t, patience), at.control, Options{Codec: codec})
		if err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		if got.Port != 7777 || !got.Ready || got.ServerRole != enums.RoleExecution {
			t.Errorf("%v: got %+v", codec, got)
		}
	}
}

// Calls from many goroutines share the socket, and each gets its own reply.
func TestCallsAreCorrelated(t *testing.T) {
	t.Parallel()
	at := paths(t)
	serve(t, at, func(r message.Request) (any, error) {
		return message.Registration{Status: message.StatusOK, ClientID: r.(message.RegisterProgress).ClientID}, nil
	})
	c := dial(t, at.control, Options{})
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			for j := range 50 {
				id := fmt.Sprint("client ", i*50+j)
				var reply message.Registration
				if err := c.Call(within(t, patience), message.RegisterProgress{ClientID: id}, &reply); err != nil {
					t.Error(err)
				} else if reply.ClientID != id {
					t.Errorf("got the reply of another call")
				}
			}
		})
	}
	group.Wait()
}

func TestErrorReply(t *testing.T) {
	t.Parallel()
	at := paths(t)
	serve(t, at, func(r message.Request) (any, error) {
		return nil, message.ExecutionNotFound(r.(message.Status).ExecutionID)
	})
	err := dial(t, at.control, Options{}).Call(within(t, patience), message.Status{ExecutionID: "e1"}, nil)
	var reply *message.Error
	if !errors.As(err, &reply) || reply.Text != "Execution e1 not found" || reply.Code != message.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

// A request that could not leave must never be carried out later.
func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	at := paths(t)
	c := dial(t, at.control, Options{})
	err := c.Call(within(t, 50*time.Millisecond), message.Execute{PlateID: "p", PipelineCode: "x"}, nil)
	if !errors.Is(err, ErrUnreachable) {
		t.Fatalf("got %v", err)
	}
	var executed atomic.Int32
	serve(t, at, func(r message.Request) (any, error) {
		if _, ok := r.(message.Execute); ok {
			executed.Add(1)
		}
		return pong(r)
	})
	if err := c.Call(within(t, patience), message.Ping{}, nil); err != nil {
		t.Fatal(err)
	}
	if executed.Load() != 0 {
		t.Error("a request was carried out after its caller gave up")
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	at := paths(t)
	var got atomic.Int32
	serve(t, at, func(message.Request) (any, error) { got.Add(1); return nil, nil })
	c := dial(t, at.control, Options{Resend: 20 * time.Millisecond})
	if err := c.Call(within(t, 300*time.Millisecond), message.Execute{PlateID: "p", PipelineCode: "x"}, nil); !errors.Is(err, ErrNoReply) {
		t.Fatalf("got %v", err)
	}
	if n := got.Load(); n != 1 {
		t.Errorf("execute was sent %d times", n)
	}
	if err := c.Call(within(t, 300*time.Millisecond), message.Ping{}, nil); !errors.Is(err, ErrNoReply) {
		t.Fatalf("got %v", err)
	}
	if n := got.Load(); n < 3 {
		t.Errorf("ping was sent %d times", n-1)
	}
}

// A client waits through a restart of its server and then goes on.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	at := paths(t)
	asked := make(chan struct{}, 100)
	first := serve(t, at, func(r message.Request) (any, error) {
		asked <- struct{}{}
		return nil, nil
	})
	c := dial(t, at.control, Options{Resend: 50 * time.Millisecond})
	if err := c.Call(within(t, 100*time.Millisecond), message.Ping{}, nil); !errors.Is(err, ErrNoReply) {
		t.Fatal(err)
	}
	<-asked
	first.stop()
	result := make(chan error, 1)
	go func() { result <- c.Call(within(t, patience), message.Ping{}, nil) }()
	serve(t, at, pong)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestCallEndsWithItsContextAndItsClient(t *testing.T) {
	t.Parallel()
	at := paths(t)
	asked := make(chan struct{}, 10)
	serve(t, at, func(message.Request) (any, error) { asked <- struct{}{}; return nil, nil })
	c := dial(t, at.control, Options{Resend: patience})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- c.Call(ctx, message.Ping{}, nil) }()
	<-asked
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() { result <- c.Call(t.Context(), message.Ping{}, nil) }()
	<-asked
	c.Close()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := c.Call(t.Context(), message.Ping{}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	at := paths(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := Subscribe(ctx, at.data, Options{}) // before there is a server
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(strings.TrimPrefix(at.control, "ipc://"))
	subscribed := make(chan struct{}, 1)
	l, err := loop.Listen(loop.Options{
		Control: []loop.Endpoint{{Address: "ipc://" + filepath.Join(folder, "c")}}, Data: []loop.Endpoint{{Address: at.data}},
		OnRequest: func(loop.Request) {}, OnSubscribe: func([]byte) { subscribed <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	go l.Run(context.Background())
	defer l.Close()
	<-subscribed
	l.Publish([]byte("junk"))
	for i := range int64(10) {
		frame, err := (&progress.Event{Execution: "e", Well: "A01", Phase: "running", Status: "running", Completed: i, Total: 10}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		l.Publish(frame)
	}
	for i := range int64(10) {
		select {
		case event := <-events:
			if event.Completed != i {
				t.Fatalf("event %d came as %d", event.Completed, i)
			}
		case <-time.After(patience):
			t.Fatalf("event %d did not come", i)
		}
	}
	cancel()
	select {
	case _, open := <-events:
		if open {
			t.Error("an event came after the end")
		}
	case <-time.After(patience):
		t.Error("the channel stays open")
	}
}

// A reader that sleeps sees the newest events when it wakes.
func TestOldestEventsMakeRoom(t *testing.T) {
	t.Parallel()
	events := make(chan *progress.Event, 3)
	for i := range int64(10) {
		offer(events, &progress.Event{Completed: i})
	}
	for i := range int64(3) {
		if event := <-events; event.Completed != 7+i {
			t.Errorf("got %d", event.Completed)
		}
	}
}
