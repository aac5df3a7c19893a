package loop

import (
	"context"
	"errors"
	"testing"

	zmq "github.com/pebbe/zmq4"
)

// A turn is over after the loop was woken, and never when it does not go round.
func TestTurn(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}), make(chan struct{})
	var s *server
	s = serve(t, Options{OnRequest: func(r Request) {
		if string(r.Payload) == "hold" {
			close(held)
			<-release
		}
		s.Reply(r, r.Payload)
	}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Turn(ctx); err != nil {
		t.Error(err)
	}
	client := dial(t, zmq.REQ, s.control)
	send(t, client, "hold")
	wait(t, held, "the loop to be held up")
	gone, give := context.WithCancel(ctx)
	give()
	if err := s.Turn(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a loop that is held up went round: %v", err)
	}
	close(release)
	if err := s.Turn(ctx); err != nil {
		t.Error(err)
	}
	s.Close()
	if err := s.Turn(ctx); err == nil {
		t.Error("a loop that has ended went round")
	}
}

func TestIPv6Loopback(t *testing.T) {
	t.Parallel()
	l, err := Listen(Options{Control: []Endpoint{{Address: "tcp://[::1]:0"}}, OnRequest: func(Request) {}})
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	l.Close()
}
