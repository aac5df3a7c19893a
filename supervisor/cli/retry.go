package cli

import (
	"context"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

func (a *app) retryCommand() *cobra.Command {
	k := &connection{}
	failed, detach := false, false
	c := &cobra.Command{
		Use:     "retry [--failed] ID",
		Short:   "Run an ended execution again, or just its failed wells, into the same results",
		GroupID: "run",
		Long: `retry runs an execution that has ended once more, with the pipeline and the
settings it had, into the same results folder. --failed runs only the wells that
have no result: those that failed and those that were cancelled.

It shows the plate as run does. Ctrl-C cancels the retry; --detach leaves it
running. It starts a server when none is there.`,
		Example:           "  supervisor retry --failed 2aef6374",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.retry(cmd.Context(), k, message.Retry{ExecutionID: args[0], FailedOnly: failed, SubmissionID: uuid.NewString()}, detach)
		},
	}
	k.flags(c)
	c.Flags().BoolVar(&failed, "failed", false, "only the wells without a result")
	c.Flags().BoolVarP(&detach, "detach", "d", false, "submit and leave; follow with 'supervisor wait'")
	return c
}

func (a *app) retry(ctx context.Context, k *connection, r message.Retry, detach bool) error {
	interrupts, stop := a.takeSignals()
	defer stop()
	c, accepted, err := a.handIn(ctx, k, interrupts, nil, r.SubmissionID, func(ctx context.Context, c submitter) (message.Accepted, error) {
		return c.Retry(ctx, r)
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if detach {
		return a.showAccepted(accepted)
	}
	x, err := c.Status(ctx, accepted.ExecutionID)
	if err != nil {
		return serverError(err)
	}
	w := watcher{
		app: a, client: c, id: x.ExecutionID, title: title(x) + " (retry of " + short(accepted.RetryOf) + ")",
		interrupts: interrupts, cancels: true,
	}
	if c.Started() {
		w.revive = a.reviver(k, nil)
	}
	return w.watch(ctx)
}
