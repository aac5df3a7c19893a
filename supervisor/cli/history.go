package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

func (a *app) historyCommand() *cobra.Command {
	k := &connection{}
	limit, plate := 0, ""
	c := &cobra.Command{
		Use:     "history",
		Short:   "List recorded executions, newest first",
		GroupID: "run",
		Long: `history lists the executions that the server remembers (serve --keep-history),
also those of earlier servers. It starts a server when none is there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.history(cmd.Context(), k, limit, plate)
		},
	}
	k.flags(c)
	c.Flags().IntVarP(&limit, "limit", "n", 50, "how many at most")
	c.Flags().StringVar(&plate, "plate", "", "only those of this plate folder")
	_ = c.MarkFlagDirname("plate")
	return c
}

func (a *app) history(ctx context.Context, k *connection, limit int, plate string) error {
	if limit < 1 {
		return usagef("--limit %d: want at least 1", limit)
	}
	if plate != "" {
		abs, err := filepath.Abs(plate)
		if err != nil {
			return usagef("resolve --plate: %w", err)
		}
		plate = abs
	}
	c, err := a.connectOrStart(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := c.History(ctx, limit, plate)
	if err != nil {
		return serverError(err)
	}
	return a.show(all, func(w io.Writer) error { return writeHistory(w, all) })
}

func writeHistory(w io.Writer, all []message.Execution) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "Nothing was run yet: supervisor run PLATE --pipeline FILE")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "EXECUTION\tSUBMITTED\tPLATE\tSTATUS\tWELLS\tTOOK\tRESULTS\tNOTE")
	for _, x := range all {
		wells, took, note := "", "", ""
		if s := x.ResultsSummary; s != nil {
			wells = fmt.Sprintf("%d/%d", s.Complete, s.WellCount)
		}
		if x.StartTime != nil && x.EndTime != nil {
			took = seconds(*x.EndTime - *x.StartTime)
		}
		if x.Error != nil {
			note = clip(oneLine(*x.Error), 60)
		}
		if x.RetryOf != "" {
			note = "retry of " + short(x.RetryOf) + separated(note)
		}
		if x.CompileOnly {
			note = "checked only" + separated(note)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			short(x.ExecutionID), moment(x.SubmitTime), filepath.Base(x.PlateID), x.Status, wells, took, x.OutputPath, note)
	}
	return t.Flush()
}

func separated(s string) string {
	if s == "" {
		return ""
	}
	return "; " + s
}

// clip cuts a text that is too long for its column.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}
