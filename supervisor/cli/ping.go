package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

func (a *app) pingCommand() *cobra.Command {
	k := &connection{}
	c := &cobra.Command{
		Use:     "ping",
		Short:   "Ask a server whether it is there, and how it is",
		GroupID: "server",
		Long:    "ping exits with 0 when the server answers and takes clients, else with 3.",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.ping(cmd.Context(), k) },
	}
	k.flags(c)
	return c
}

func (a *app) ping(ctx context.Context, k *connection) error {
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	begun := time.Now()
	pong, err := c.Ping(ctx)
	if err != nil {
		return serverError(err)
	}
	took := time.Since(begun)
	err = a.show(struct {
		message.Pong
		RoundTrip float64 `json:"round_trip"` // seconds
	}{pong, took.Seconds()}, func(w io.Writer) error {
		state := "ready"
		if !pong.Ready {
			state = "not ready"
		}
		_, err := fmt.Fprintf(w, "%s %s on port %d: %s, %d running, %d queued, up %s, answered in %s\n",
			pong.Server, pong.Version, pong.Port, state, len(pong.RunningExecutions), len(pong.QueuedExecutions),
			seconds(pong.Uptime), took.Round(10*time.Microsecond))
		return err
	})
	if err == nil && !pong.Ready {
		return &exitError{ExitNoServer, fmt.Errorf("%w: the one on port %d takes no clients at the moment, it starts or ends", client.ErrNoServer, pong.Port)}
	}
	return err
}
