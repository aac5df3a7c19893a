package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

// submitter is the part of a client that hands work in.
type submitter interface {
	Submit(context.Context, message.Execute) (message.Accepted, error)
	Retry(context.Context, message.Retry) (message.Accepted, error)
}

// endingPatience bounds how long a command waits for a server that is about to
// end before another can be started in its place.
const endingPatience = 45 * time.Second

// handIn gives work to the server, starting one when none is there. An interrupt
// gives up; one that comes too late for that stays in interrupts. What is sent
// may be sent twice: id is its submission's.
func (a *app) handIn(ctx context.Context, k *connection, interrupts chan os.Signal, serve []string, id string, send func(context.Context, submitter) (message.Accepted, error)) (*client.Client, message.Accepted, error) {
	ctx, cancel := context.WithTimeout(ctx, endingPatience)
	defer cancel()
	done, interrupted := make(chan struct{}), make(chan os.Signal, 1)
	go func() { // ends with this call
		defer close(interrupted)
		select {
		case s := <-interrupts:
			interrupted <- s
			cancel()
		case <-done:
		}
	}()
	c, accepted, err := a.tryHandIn(ctx, k, serve, send)
	err = undecided(err, id)
	close(done)
	s, came := <-interrupted
	switch {
	case came && err == nil:
		select {
		case interrupts <- s:
		default: // there are more of them already
		}
	case came:
		err = &exitError{ExitInterrupted, errors.New("interrupted before the plate was handed in")}
	}
	return c, accepted, err
}

// tryHandIn hands in. A server that is about to end refuses, and one that is
// killed leaves it open whether it has taken it; then the next one is asked.
func (a *app) tryHandIn(ctx context.Context, k *connection, serve []string, send func(context.Context, submitter) (message.Accepted, error)) (*client.Client, message.Accepted, error) {
	for {
		c, err := a.connectOrStart(ctx, k, serve...)
		if err != nil {
			return nil, message.Accepted{}, err
		}
		accepted, err := send(ctx, c)
		if err == nil {
			return c, accepted, nil
		}
		c.Close()
		var refusal *message.Error
		busy := errors.As(err, &refusal) && refusal.Code == message.CodeBusy
		if k.host != "" || !busy && !errors.Is(err, client.ErrEnded) {
			return nil, accepted, serverError(err)
		}
		o, optionsErr := a.clientOptions(k)
		if optionsErr != nil {
			return nil, accepted, optionsErr
		}
		if client.AwaitEnd(ctx, o) != nil {
			return nil, accepted, serverError(err)
		}
	}
}

// undecided adds to an error what to do when it is not known whether the server
// has taken a submission.
func undecided(err error, id string) error {
	if errors.Is(err, client.ErrEnded) || errors.Is(err, control.ErrNoReply) {
		return &exitError{ExitNoServer, fmt.Errorf("%w; whether it was taken shows `supervisor status %s` once a server answers", err, id)}
	}
	return err
}

// tellLimit tells when fewer wells run at once than were asked for.
func (a *app) tellLimit(wanted int, accepted message.Accepted) {
	if limit := accepted.Workers; limit > 0 && wanted > limit {
		fmt.Fprintf(a.errs, "supervisor: this server runs %d wells at once at most, not %d: `supervisor serve --workers` sets how many\n", limit, wanted)
	}
}

// takeSignals takes the signals that end a command from here on, so that an
// interrupted start is told. A closed pipe is no reason to leave a plate.
func (a *app) takeSignals() (chan os.Signal, func()) {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	return interrupts, func() { signal.Stop(interrupts) }
}
