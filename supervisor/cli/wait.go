package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

func (a *app) waitCommand() *cobra.Command {
	k := &connection{}
	c := &cobra.Command{
		Use:     "wait ID",
		Short:   "Follow an execution to its end and exit with its outcome",
		GroupID: "run",
		Long: `wait shows an execution until it has ended, and exits as run does: 0 complete,
1 with failed wells, 2 invalid input, 4 cancelled. It waits through a restart of
the server. Ctrl-C ends the waiting and nothing else.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.wait(cmd.Context(), k, args[0])
		},
	}
	k.flags(c)
	return c
}

func (a *app) wait(ctx context.Context, k *connection, id string) error {
	// The server of `run --detach` ends with its execution: then another one
	// reads the record, or takes up what was interrupted.
	c, err := a.connectOrStart(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	x, err := c.Status(ctx, id) // a prefix becomes the id
	if err != nil {
		return serverError(err)
	}
	return a.waitFor(ctx, c, x)
}

// waitFor watches an execution that an interrupt leaves alone.
func (a *app) waitFor(ctx context.Context, c *client.Client, x message.Execution) error {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(interrupts)
	w := watcher{app: a, client: c, id: x.ExecutionID, title: title(x), interrupts: interrupts}
	return w.watch(ctx)
}

// title names an execution for people.
func title(x message.Execution) string {
	return filepath.Base(x.PlateID) + " · " + short(x.ExecutionID)
}

// short is as much of an execution's id as people type.
func short(id string) string { return id[:min(8, len(id))] }
