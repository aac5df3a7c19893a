package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

func TestProgressComesInAndGoesOut(t *testing.T) {
	t.Parallel()
	subscribed := make(chan string, 10)
	var s *server
	s = serve(t, Options{
		OnSubscribe: func(topic []byte) { subscribed <- string(topic) },
		OnProgress: func(e *progress.Event) {
			frame, err := e.JSON()
			if err != nil {
				t.Error(err)
			}
			s.Publish(frame)
		},
	})
	client := dial(t, zmq.SUB, s.data, subscribe)
	wait(t, subscribed, "the subscription")
	pusher, err := progress.NewPusher(s.progress)
	if err != nil {
		t.Fatal(err)
	}
	defer pusher.Close()
	const count = 200
	for i := range int64(count) {
		pusher.Send(&progress.Event{Execution: "e", Well: "A01", Phase: "pattern_group", Status: "running", Completed: i, Total: count})
	}
	for i := range int64(count) {
		frame, err := client.RecvBytes(0)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		event, err := progress.ParseJSON(frame)
		if err != nil {
			t.Fatal(err)
		}
		if event.Completed != i {
			t.Fatalf("event %d came as number %d", event.Completed, i)
		}
	}
}

// A second client's subscription to what the first has is reported too: it is
// what a replay for late clients hangs on.
func TestEverySubscriptionIsReported(t *testing.T) {
	t.Parallel()
	subscribed := make(chan string, 10)
	var s *server
	s = serve(t, Options{OnSubscribe: func(topic []byte) {
		subscribed <- string(topic)
		s.Publish([]byte("replay")) // from inside the loop
	}})
	for range 3 {
		client := dial(t, zmq.SUB, s.data, subscribe)
		if topic := wait(t, subscribed, "the subscription"); topic != "" {
			t.Errorf("topic %q", topic)
		}
		if got := receiveParts(t, client)[0]; got != "replay" {
			t.Errorf("got %q", got)
		}
	}
}

func TestJunkFromSubscribersAndWorkers(t *testing.T) {
	t.Parallel()
	events := make(chan *progress.Event, 10)
	s := serve(t, Options{OnProgress: func(e *progress.Event) { events <- e }})
	junk := dial(t, zmq.XSUB, s.data)
	send(t, junk, "\x07 not a subscription")
	send(t, junk, "")
	worker := dial(t, zmq.PUSH, s.progress)
	for _, frame := range []any{"", "junk", "\x0a\xff\xff\xff\xff\x0f", []string{"", "", ""}} {
		send(t, worker, frame)
	}
	frame, err := (&progress.Event{Execution: "e", Phase: "init", Status: "started"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	send(t, worker, frame)
	if event := wait(t, events, "the good event"); event.Execution != "e" {
		t.Errorf("got %v", event)
	}
	if got := s.Stats().BadProgress; got != 6 {
		t.Errorf("%d bad frames", got)
	}
}

// Publishing is bounded: the oldest frames make room, and are counted.
func TestPublishDropsTheOldest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	data := ipcPrefix + filepath.Join(folder, "d")
	subscribed := make(chan struct{}, 1)
	const queue, published = 16, 100
	var l *Loop
	l, err := Listen(Options{
		Control: []Endpoint{{Address: ipcPrefix + filepath.Join(folder, "c")}}, Data: []Endpoint{{Address: data}},
		OnRequest: func(Request) {}, PublishQueue: queue,
		OnSubscribe: func([]byte) {
			// On the loop's goroutine: nothing can leave in between.
			for i := range published {
				l.Publish(fmt.Append(nil, i))
			}
			subscribed <- struct{}{}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go l.Run(context.Background())
	defer l.Close()
	client := dial(t, zmq.SUB, data, subscribe)
	wait(t, subscribed, "the subscription")
	for i := published - queue; i < published; i++ {
		if got, want := receiveParts(t, client)[0], fmt.Sprint(i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	if got := l.Stats().Dropped; got != published-queue {
		t.Errorf("dropped %d", got)
	}
}

// A flood of progress must not keep a client waiting (without a cap per turn,
// control got no answer at all).
func TestControlIsServedUnderAFloodOfProgress(t *testing.T) {
	t.Parallel()
	var s *server
	s = serve(t, Options{OnProgress: func(e *progress.Event) { s.Publish([]byte(e.Execution)) }})
	frame, err := (&progress.Event{Execution: "e", Phase: "init", Status: "started"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	worker := dial(t, zmq.PUSH, s.progress)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := worker.SendBytes(frame, 0); err != nil {
					return
				}
			}
		}
	}()
	client := dial(t, zmq.REQ, s.control)
	var worst time.Duration
	for range 200 {
		start := time.Now()
		ask(t, client, "x")
		worst = max(worst, time.Since(start))
	}
	close(stop)
	<-stopped
	t.Logf("worst answer after %v, %d events", worst, s.Stats().Progress)
	if worst > 5*time.Second {
		t.Errorf("a client waited %v", worst)
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := writeFile(file); err != nil {
		t.Fatal(err)
	}
	live := serve(t, Options{})
	handler := func(Request) {}
	control := func(address string) Options {
		return Options{Control: []Endpoint{{Address: address}}, OnRequest: handler}
	}
	workers := control(ipcPrefix + filepath.Join(folder, "c"))
	workers.Progress = Endpoint{Address: "tcp://127.0.0.1:0"}
	keys := control(ipcPrefix + filepath.Join(folder, "k"))
	keys.Curve = &Curve{Allowed: []string{"short"}}
	cases := map[string]struct {
		options Options
		want    string
	}{
		"no endpoint":       {Options{OnRequest: handler}, "required"},
		"no handler":        {Options{Control: []Endpoint{{Address: "tcp://127.0.0.1:0"}}}, "required"},
		"another transport": {control("inproc://x"), "ipc:// or tcp://"},
		"a live server":     {control(live.control), "exist"},
		"a file":            {Options{Control: []Endpoint{{ipcPrefix + file, true}}, OnRequest: handler}, "no socket"},
		"a long path":       {control(ipcPrefix + "/" + strings.Repeat("x", 120)), "shorter folder"},
		"no folder":         {control(ipcPrefix + filepath.Join(folder, "nowhere", "c")), "bind"},
		"TCP for workers":   {workers, "ipc:// only"},
		"a bad key":         {keys, "Z85"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(c.options)
			if err == nil {
				l.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want something about %q", err, c.want)
			}
		})
	}
	if got := ask(t, dial(t, zmq.REQ, live.control), "x"); got != "x" {
		t.Errorf("the live server answers %q", got)
	}
}

// With the lock in hand a caller may take the place of a stale socket.
func TestStaleSocketIsReplacedWhenTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c")
	if err := staleSocket(path); err != nil {
		t.Fatal(err)
	}
	options := Options{Control: []Endpoint{{Address: ipcPrefix + path}}, OnRequest: func(Request) {}}
	if _, err := Listen(options); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v", err)
	}
	options.Control[0].Replace = true
	l, err := Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	if mode := permissions(t, path); mode != 0o600 {
		t.Errorf("the socket has mode %o", mode)
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file is left: %v", err)
	}
}

// A server that lost its path to another one must not take that away.
func TestEndLeavesTheSocketOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c")
	options := Options{Control: []Endpoint{{ipcPrefix + path, true}}, OnRequest: func(Request) {}}
	first, err := Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(options) // steals it, as libzmq does
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second server's socket is gone: %v", err)
	}
}
