package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) cancelCommand() *cobra.Command {
	k := &connection{}
	c := &cobra.Command{
		Use:     "cancel ID",
		Short:   "End one execution and leave the others alone",
		GroupID: "run",
		Long: `cancel ends one execution, queued or running. Wells that are finished keep their
results, and are kept when the plate is run again. An execution that has ended
stays as it is.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cancel(cmd.Context(), k, args[0])
		},
	}
	k.flags(c)
	return c
}

func (a *app) cancel(ctx context.Context, k *connection, id string) error {
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := c.Cancel(ctx, id)
	if err != nil {
		return serverError(err)
	}
	return a.show(done, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s. See `supervisor status %s`.\n", done.Message, short(id))
		return err
	})
}
