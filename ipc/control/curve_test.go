package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

func keys(t *testing.T) (public, secret string) {
	t.Helper()
	public, secret, err := NewKeys()
	if err != nil {
		t.Skipf("libzmq without CURVE: %v", err)
	}
	return public, secret
}

// Calls and subscriptions reach a server that requires keys with the right ones
// and with no others.
func TestKeys(t *testing.T) {
	t.Parallel()
	serverPublic, serverSecret := keys(t)
	public, secret := keys(t)
	otherPublic, otherSecret := keys(t)
	subscribed := make(chan struct{}, 1)
	var l *loop.Loop
	l, err := loop.Listen(loop.Options{
		Control: []loop.Endpoint{{Address: "tcp://127.0.0.1:0"}}, Data: []loop.Endpoint{{Address: "tcp://127.0.0.1:0"}},
		Curve: &loop.Curve{SecretKey: serverSecret, Allowed: []string{public}},
		OnRequest: func(r loop.Request) {
			frame, err := message.JSON.Encode(message.Pong{Type: message.TypePong, ServerRole: enums.RoleExecution})
			if err != nil {
				frame = message.EncodeError(message.JSON, err)
			}
			l.Reply(r, frame)
		},
		OnSubscribe: func([]byte) { subscribed <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	control, data := l.ControlEndpoints()[0], l.DataEndpoints()[0]

	for name, curve := range map[string]*Curve{
		"without keys":              nil,
		"with unknown keys":         {serverPublic, otherPublic, otherSecret},
		"with another server's key": {otherPublic, public, secret},
	} {
		brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := Probe(brief, control, Options{Curve: curve}); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrNoReply) {
			t.Errorf("a client %s got %v", name, err)
		}
		cancel()
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	right := Options{Curve: &Curve{serverPublic, public, secret}}
	if pong, err := Probe(ctx, control, right); err != nil || pong.Type != message.TypePong {
		t.Errorf("the right keys got %+v, %v", pong, err)
	}
	events, err := Subscribe(ctx, data, right)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-subscribed:
	case <-ctx.Done():
		t.Fatal("waited for the subscription")
	}
	frame, err := (&progress.Event{Execution: "e", Phase: "init", Status: "started"}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(frame)
	select {
	case event := <-events:
		if event.GetExecution() != "e" {
			t.Errorf("got %v", event)
		}
	case <-ctx.Done():
		t.Error("waited for an event")
	}
	cancel()
	for range events { // until the subscription has ended
	}
}
