package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) cancelCommand() *cobra.Command {
	k := &connection{}
	force := false
	c := &cobra.Command{
		Use:     "cancel ID",
		Short:   "End one execution and leave the others alone",
		GroupID: "run",
		Long: `cancel ends one execution, queued or running. Wells that are finished keep their
results, and are kept when the plate is run again. An execution that has ended
stays as it is. Running wells are asked to end and killed when they do not within
the configured grace; --force kills them at once.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cancel(cmd.Context(), k, args[0], force)
		},
	}
	k.flags(c)
	c.Flags().BoolVar(&force, "force", false, "kill running wells instead of asking them to end")
	return c
}

func (a *app) cancel(ctx context.Context, k *connection, id string, force bool) error {
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	cancel := c.Cancel
	if force {
		cancel = c.Kill
	}
	done, err := cancel(ctx, id)
	if err != nil {
		return serverError(err)
	}
	return a.show(done, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s. See `supervisor status %s`.\n", done.Message, short(id))
		return err
	})
}
