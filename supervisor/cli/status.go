package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

func (a *app) statusCommand() *cobra.Command {
	k, all := &connection{}, false
	c := &cobra.Command{
		Use:     "status [ID]",
		Short:   "Show what runs and what waits, or one execution well by well",
		GroupID: "run",
		Long: `status without an id shows the executions that run and those that wait, with
their places in the queue. With an id, or as much of it as is unique, it shows
the execution's wells: state, step, attempts, and how the failed ones failed.

To read about an execution that has ended it starts a server when none is there.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeID(k),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.statusOfAll(cmd.Context(), k)
			}
			return a.statusOf(cmd.Context(), k, args[0], all)
		},
	}
	k.flags(c)
	c.Flags().BoolVarP(&all, "all", "a", false, "list the finished wells of a large plate too")
	return c
}

// overview is `status` without an id.
type overview struct {
	Uptime  float64             `json:"uptime"` // of the server, seconds
	Running []message.Execution `json:"running"`
	Queued  []message.Execution `json:"queued"`
}

func (a *app) statusOfAll(ctx context.Context, k *connection) error {
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	view, err := overviewOf(ctx, c)
	if err != nil {
		return serverError(err)
	}
	return a.show(view, func(w io.Writer) error { return writeOverview(w, view) })
}

func overviewOf(ctx context.Context, c *client.Client) (overview, error) {
	reply, err := c.Overview(ctx)
	view := overview{Uptime: reply.Uptime, Running: []message.Execution{}, Queued: []message.Execution{}}
	if err != nil {
		return view, err
	}
	for _, r := range reply.RunningExecutions {
		x, err := c.Status(ctx, r.ExecutionID)
		if err != nil {
			return view, err
		}
		view.Running = append(view.Running, x)
	}
	for _, q := range reply.QueuedExecutions {
		x, err := c.Status(ctx, q.ExecutionID)
		if err != nil {
			return view, err
		}
		view.Queued = append(view.Queued, x)
	}
	return view, nil
}

func writeOverview(w io.Writer, v overview) error {
	if len(v.Running)+len(v.Queued) == 0 {
		_, err := fmt.Fprintf(w, "Nothing runs and nothing waits; the server is up for %s. Earlier executions: supervisor history\n", seconds(v.Uptime))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "EXECUTION\tPLATE\tSTATUS\tWELLS\tFAILED\tLEFT\tNOTE")
	for _, x := range append(v.Running, v.Queued...) {
		status, wells, left := string(x.Status), "", ""
		if x.QueuePosition > 0 {
			status = fmt.Sprintf("queued, position %d", x.QueuePosition)
			if x.StartsIn != nil {
				status += ", starts in about " + seconds(*x.StartsIn)
			}
		}
		done, failed := tally(x.Wells)
		if len(x.Wells) > 0 {
			wells = fmt.Sprintf("%d/%d", done, len(x.Wells))
		}
		if x.TimeLeft != nil {
			left = "about " + seconds(*x.TimeLeft)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", short(x.ExecutionID), filepath.Base(x.PlateID), status, wells, failed, left, oneLine(x.Hold))
	}
	return t.Flush()
}

// tally counts ended and failed wells.
func tally(wells []message.Well) (done, failed int) {
	for i := range wells {
		if wells[i].Status.Final() {
			done++
		}
		if wells[i].Status == enums.WellFailed {
			failed++
		}
	}
	return done, failed
}

func (a *app) statusOf(ctx context.Context, k *connection, id string, all bool) error {
	c, err := a.connectOrStart(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	x, err := c.Status(ctx, id)
	if err != nil {
		return serverError(err)
	}
	return a.show(x, func(w io.Writer) error { return writeExecution(w, x, all) })
}

// manyWells is from where on finished wells are only counted.
const manyWells = 48

func writeExecution(w io.Writer, x message.Execution, all bool) error {
	done, failed := tally(x.Wells)
	head := fmt.Sprintf("%s: %s", title(x), x.Status)
	switch {
	case x.QueuePosition > 0:
		head += fmt.Sprintf(", position %d", x.QueuePosition)
		if x.StartsIn != nil {
			head += ", starts in about " + seconds(*x.StartsIn)
		}
	case len(x.Wells) > 0:
		head += fmt.Sprintf(", %d of %d wells done", done, len(x.Wells))
		if failed > 0 {
			head += fmt.Sprintf(", %d failed", failed)
		}
		if !x.Status.Final() {
			head += fmt.Sprintf(", %.0f %%", x.Percent)
		}
	}
	if x.TimeLeft != nil {
		head += ", about " + seconds(*x.TimeLeft) + " left"
	}
	fmt.Fprintln(w, head)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("execution", x.ExecutionID)
	row("plate", x.PlateID)
	row("results", x.OutputPath)
	row("submitted", moment(x.SubmitTime))
	row("started", moment(x.StartTime))
	row("ended", moment(x.EndTime))
	row("retry of", x.RetryOf)
	row("held back", oneLine(x.Hold))
	if x.Error != nil {
		row("error", oneLine(*x.Error))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	if err := writeWells(w, x.Wells, all || len(x.Wells) <= manyWells); err != nil {
		return err
	}
	switch {
	case failed > 0 && x.Status.Final():
		fmt.Fprintln(w)
		advise(w, x)
	case !x.Status.Final():
		fmt.Fprintf(w, "\nFollow it: supervisor wait %s\n", short(x.ExecutionID))
	}
	return nil
}

// writeWells is a table of wells, without the uneventful ones when there are many.
func writeWells(w io.Writer, wells []message.Well, all bool) error {
	if len(wells) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WELL\tSTATUS\t%\tATTEMPTS\tTIME\tMEMORY\tSTEP\tNOTE")
	left := map[enums.WellStatus]int{}
	for i := range wells {
		v := &wells[i]
		quiet := v.Status == enums.WellComplete && len(v.Warnings) == 0 || v.Status == enums.WellPending
		if quiet && !all {
			left[v.Status]++
			continue
		}
		took, memory := "", ""
		if v.Elapsed > 0 {
			took = seconds(v.Elapsed)
		}
		if v.Evidence != nil && v.Evidence.PeakMemory > 0 {
			memory = bytesText(v.Evidence.PeakMemory)
		}
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%d\t%s\t%s\t%s\t%s\n", v.Well, v.Status, v.Percent, v.Attempts, took, memory, v.Step, note(v))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write wells: %w", err)
	}
	for _, s := range []enums.WellStatus{enums.WellPending, enums.WellComplete} {
		if left[s] > 0 {
			fmt.Fprintf(w, "and %d wells %s (--all lists them)\n", left[s], s)
		}
	}
	return nil
}

// note says in one line what is particular about a well.
func note(v *message.Well) string {
	var parts []string
	if v.Reused {
		parts = append(parts, "kept from before")
	}
	if v.Status != enums.WellComplete && v.Reason != "" {
		parts = append(parts, cause(v.Reason, v.Error)+exitNote(v))
	}
	for _, warning := range v.Warnings {
		parts = append(parts, "warning: "+oneLine(warning))
	}
	return strings.Join(parts, "; ")
}

// exitNote is how a failed well's process ended, where its error does not say so.
func exitNote(v *message.Well) string {
	text := ""
	switch e := v.Evidence; {
	case e == nil:
	case e.Signal != "":
		text = e.Signal
	case e.ExitCode > 0:
		text = fmt.Sprintf("exit code %d", e.ExitCode)
	}
	if text == "" || strings.Contains(v.Error, text) {
		return ""
	}
	return " (" + text + ")"
}

// seconds writes a duration as people read it.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// moment writes a time of the wire.
func moment(s *float64) string {
	if s == nil {
		return ""
	}
	return time.UnixMicro(int64(*s * 1e6)).UTC().Format("2006-01-02T15:04:05Z")
}

// bytesText writes a size with a unit.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, 0
	for value >= 999.5 && name < 4 {
		value /= unit
		name++
	}
	return fmt.Sprintf("%.3g %siB", value, string("KMGTP"[name]))
}

// oneLine puts a text of several lines into one, without what would steer a terminal.
func oneLine(s string) string { return strings.Map(harmless, strings.Join(strings.Fields(s), " ")) }

// harmless stands in for letters that would steer a terminal.
func harmless(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return utf8.RuneError
	}
	return r
}
