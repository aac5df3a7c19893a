package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func (a *app) resultsCommand() *cobra.Command {
	k := &connection{}
	c := &cobra.Command{
		Use:     "results ID",
		Short:   "Say where an execution's results are, and which wells have none",
		GroupID: "run",
		Long: `results prints the files of an execution that has ended, one path per line on
standard output, and what is missing from them on standard error. It starts a
server when none is there.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.results(cmd.Context(), k, args[0])
		},
	}
	k.flags(c)
	return c
}

func (a *app) results(ctx context.Context, k *connection, id string) error {
	c, err := a.connectOrStart(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Results(ctx, id)
	if err != nil {
		return serverError(err)
	}
	return a.show(r, func(w io.Writer) error {
		fmt.Fprintf(a.errs, "%d of %d wells complete", r.Summary.Complete, r.Summary.WellCount)
		for i, v := range r.Wells {
			if v.Status != enums.WellComplete && i < mostNamed {
				fmt.Fprintf(a.errs, "\n  %s %s: %s", v.Well, v.Status, failure(v))
			}
		}
		fmt.Fprintln(a.errs)
		for _, file := range r.Summary.Files {
			if _, err := fmt.Fprintln(w, filepath.Join(r.OutputPath, filepath.FromSlash(file))); err != nil {
				return err
			}
		}
		return nil
	})
}
