package loop

import (
	"strings"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
)

type keypair struct{ public, secret string }

func newKeys(t *testing.T) keypair {
	t.Helper()
	public, secret, err := zmq.NewCurveKeypair()
	if err != nil {
		t.Skipf("libzmq without CURVE: %v", err)
	}
	return keypair{public, secret}
}

// as makes a client use its keys.
func (k keypair) as(server string) func(*zmq.Socket) error {
	return func(s *zmq.Socket) error { return s.ClientAuthCurve(server, k.public, k.secret) }
}

// brief is for clients that get nothing.
func brief(s *zmq.Socket) error { return s.SetRcvtimeo(300 * time.Millisecond) }

func TestCurve(t *testing.T) {
	t.Parallel()
	own, known, unknown := newKeys(t), newKeys(t), newKeys(t)
	requests := make(chan Request, 10)
	subscribed := make(chan struct{}, 10)
	var s *server
	s = serve(t, Options{
		Control: []Endpoint{{Address: "tcp://127.0.0.1:0"}},
		Data:    []Endpoint{{Address: "tcp://127.0.0.1:0"}},
		Curve:   &Curve{SecretKey: own.secret, Allowed: []string{known.public}},
		OnRequest: func(r Request) {
			requests <- r
			s.Reply(r, r.Payload)
		},
		OnSubscribe: func([]byte) { subscribed <- struct{}{} },
	})
	control, data := s.ControlEndpoints()[1], s.DataEndpoints()[1]
	if !strings.HasPrefix(control, "tcp://127.0.0.1:") || strings.HasSuffix(control, ":0") {
		t.Fatalf("endpoint %q", control)
	}

	refused := map[string][]func(*zmq.Socket) error{
		"without a key":           {brief},
		"with an unknown key":     {brief, unknown.as(own.public)},
		"with a wrong server key": {brief, known.as(unknown.public)},
	}
	for name, setUp := range refused {
		client := dial(t, zmq.REQ, control, setUp...)
		send(t, client, "x")
		if got, err := client.Recv(0); err == nil {
			t.Errorf("a client %s got %q", name, got)
		}
		subscriber := dial(t, zmq.SUB, data, append(setUp, subscribe)...)
		s.Publish([]byte("secret"))
		if got, err := subscriber.Recv(0); err == nil {
			t.Errorf("a subscriber %s got %q", name, got)
		}
	}
	if got := len(requests); got != 0 {
		t.Fatalf("%d requests came through", got)
	}
	if s.Stats().Denied == 0 {
		t.Error("nothing was denied")
	}

	client := dial(t, zmq.REQ, control, known.as(own.public))
	if got := ask(t, client, "x"); got != "x" {
		t.Errorf("got %q", got)
	}
	if request := wait(t, requests, "the request"); request.Peer.Key != known.public {
		t.Errorf("peer %+v", request.Peer)
	}
	subscriber := dial(t, zmq.SUB, data, known.as(own.public), subscribe)
	wait(t, subscribed, "the subscription")
	s.Publish([]byte("news"))
	if got := receiveParts(t, subscriber)[0]; got != "news" {
		t.Errorf("got %q", got)
	}

	// Beside it, IPC needs no key: the folder is private.
	if got := ask(t, dial(t, zmq.REQ, s.control), "x"); got != "x" {
		t.Errorf("got %q", got)
	}

	// A key that is added while the loop runs lets in who waits already.
	later := dial(t, zmq.REQ, control, unknown.as(own.public))
	send(t, later, "x")
	if err := s.AllowKey(unknown.public); err != nil {
		t.Fatal(err)
	}
	if got := receiveParts(t, later)[0]; got != "x" {
		t.Errorf("got %q", got)
	}
	if err := s.RevokeKey(unknown.public); err != nil {
		t.Fatal(err)
	}
	// Also over the connection that it has.
	if got := ask(t, later, "x"); !strings.Contains(got, "revoked") {
		t.Errorf("a revoked key with an open connection got %q", got)
	}
	again := dial(t, zmq.REQ, control, unknown.as(own.public), brief)
	send(t, again, "x")
	if got, err := again.Recv(0); err == nil {
		t.Errorf("a revoked key got %q", got)
	}
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Curve: &Curve{SecretKey: newKeys(t).secret}})
	for _, key := range []string{"", "short", strings.Repeat("\x00", 40), strings.Repeat("\"", 40), strings.Repeat("é", 20)} {
		if err := s.AllowKey(key); err == nil {
			t.Errorf("%q was taken for a key", key)
		}
	}
	if err := s.AllowKey(newKeys(t).public); err != nil {
		t.Error(err)
	}
}
