package progress

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
)

// server pulls what pushers send.
type server struct {
	t      *testing.T
	socket *zmq.Socket
}

func bind(t *testing.T, endpoint string) *server {
	t.Helper()
	context, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := context.NewSocket(zmq.PULL)
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.SetRcvtimeo(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := socket.Bind(endpoint); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = socket.Close()
		_ = context.Term()
	})
	return &server{t, socket}
}

func (s *server) receive() *Event {
	s.t.Helper()
	frame, err := s.socket.RecvBytes(0)
	if err != nil {
		s.t.Fatalf("receive progress: %v", err)
	}
	event, err := Decode(frame)
	if err != nil {
		s.t.Fatal(err)
	}
	return event
}

func endpoint(t *testing.T) string {
	return "ipc://" + filepath.Join(t.TempDir(), "p.sock")
}

func pusher(t *testing.T, endpoint string) *Pusher {
	t.Helper()
	p, err := NewPusher(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func step(well string, completed int64) *Event {
	return &Event{Execution: "e", Well: well, Phase: "pattern_group", Status: "running", Completed: completed, Total: 1 << 40}
}

func TestPusherKeepsOrderAndNumbers(t *testing.T) {
	t.Parallel()
	address := endpoint(t)
	s := bind(t, address)
	p := pusher(t, address)
	const count = 200 // fits the queue, so none may be lost
	for i := range int64(count) {
		p.Send(step("A01", i))
	}
	for i := range int64(count) {
		event := s.receive()
		if event.Completed != i || event.Sequence != uint64(i+1) {
			t.Fatalf("event %d is %v", i, event)
		}
		if event.Timestamp == 0 || event.Pid == 0 {
			t.Fatalf("time or pid is missing: %v", event)
		}
	}
	p.Close()
	if n := p.Dropped(); n != 0 {
		t.Errorf("dropped %d", n)
	}
}

// A worker whose server is gone must compute on, and end at once.
func TestPusherWithoutServerNeverWaits(t *testing.T) {
	t.Parallel()
	p := pusher(t, endpoint(t))
	start := time.Now()
	for i := range int64(100_000) {
		p.Send(step("A01", i))
	}
	p.Close()
	// Generous, for a loaded machine: waiting would take for ever.
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if p.Dropped() == 0 {
		t.Error("nothing was dropped: where is it kept?")
	}
	p.Send(step("A01", 0)) // after Close: nothing happens
}

// A server that comes late sees the newest of every well, and the gap.
func TestNewestOfEachWellWins(t *testing.T) {
	t.Parallel()
	address := endpoint(t)
	p := pusher(t, address)
	defer p.Close()
	const wells, each = 4, 1000
	for i := range int64(each) {
		for w := range wells {
			p.Send(step(fmt.Sprintf("A%02d", w+1), i))
		}
	}
	s := bind(t, address)
	newest := map[string]*Event{}
	for len(newest) < wells {
		event := s.receive()
		if event.Completed == each-1 {
			newest[event.Well] = event
		}
	}
	if last := newest["A04"].Sequence; last != wells*each {
		t.Errorf("last sequence is %d, want %d", last, wells*each)
	}
	if p.Dropped() == 0 {
		t.Error("no event was dropped: the queue is not bounded")
	}
}

func TestCloseFlushes(t *testing.T) {
	t.Parallel()
	address := endpoint(t)
	s := bind(t, address)
	p := pusher(t, address)
	p.Send(step("A01", 1))
	s.receive() // connected
	for i := range int64(50) {
		p.Send(step("A01", i))
	}
	p.Close()
	for range 50 {
		s.receive()
	}
}
