package cli

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// exitOf is the exit code an execution's outcome leads to.
func exitOf(x message.Execution) error {
	switch {
	case x.Status == enums.ExecutionComplete:
		return nil
	case x.Status == enums.ExecutionCancelled:
		return exit(ExitCancelled)
	case x.ErrorCode == "invalid_input":
		return exit(ExitUsage)
	case x.ErrorCode == "wells_failed":
		return exit(ExitFailedWells)
	default:
		return exit(ExitInternal)
	}
}

// These are how many failed wells, and how many warnings about the plate as a
// whole, are told one by one.
const (
	mostNamed  = 20
	mostWarned = 5
)

// conclude tells the outcome: one line of JSON, or a paragraph.
func (a *app) conclude(x message.Execution, title string) error {
	if a.json {
		return writeLine(a.out, struct {
			Type string `json:"type"`
			message.Execution
		}{"outcome", x})
	}
	if x.ErrorCode == "invalid_input" {
		text := ""
		if x.Error != nil {
			text = strings.TrimPrefix(*x.Error, "invalid input: ")
		}
		fmt.Fprintf(a.errs, "supervisor: %s\nNothing was started and nothing was written.\n", text)
		return nil
	}
	return paragraph(a.out, x, title)
}

func paragraph(out io.Writer, x message.Execution, title string) error {
	w := &strings.Builder{}
	var failed []message.Well
	reused, warned := 0, 0
	for _, v := range x.Wells {
		if v.Status == enums.WellFailed {
			failed = append(failed, v)
		}
		if v.Reused {
			reused++
		}
		if len(v.Warnings) > 0 {
			warned++
		}
	}
	head := fmt.Sprintf("%s: %s", title, x.Status)
	if s := x.ResultsSummary; s != nil {
		head += fmt.Sprintf(", %d of %d wells complete", s.Complete, s.WellCount)
		if reused += s.Earlier; reused > 0 {
			head += fmt.Sprintf(" (%d kept from before)", reused)
		}
		if s.Elapsed > 0 {
			head += " in " + time.Duration(s.Elapsed*float64(time.Second)).Round(time.Millisecond*100).String()
		}
		for _, name := range slices.Sorted(maps.Keys(s.Counts)) {
			head += fmt.Sprintf(", %d %s", s.Counts[name], name)
		}
	}
	fmt.Fprintln(w, head+".")
	if x.Error != nil && x.ErrorCode != "wells_failed" {
		fmt.Fprintf(w, "Reason: %s\n", *x.Error)
	}
	for i, v := range failed {
		if i == mostNamed {
			fmt.Fprintf(w, "  … and %d more: supervisor status %s\n", len(failed)-i, x.ExecutionID[:8])
			break
		}
		fmt.Fprintf(w, "  %s failed: %s\n", v.Well, failure(v))
	}
	if s := x.ResultsSummary; s != nil {
		for i, warning := range s.Warnings {
			if i == mostWarned {
				fmt.Fprintf(w, "… and %d more warnings: see %s\n", len(s.Warnings)-i, filepath.Join(x.OutputPath, "manifest.json"))
				break
			}
			fmt.Fprintf(w, "Warning: %s\n", oneLine(warning))
		}
	}
	if warned > 0 {
		fmt.Fprintf(w, "Wells with warnings: %d (column Warnings of wells.csv).\n", warned)
	}
	if x.ResultsSummary != nil {
		fmt.Fprintf(w, "Results: %s\n", x.OutputPath)
		fmt.Fprintf(w, "  %s  %s\n", filepath.Join(x.OutputPath, "wells.csv"), filepath.Join(x.OutputPath, "plate.svg"))
	}
	if x.Status == enums.ExecutionCancelled && x.ResultsSummary != nil {
		fmt.Fprintln(w, "Finished wells are kept: type the same command again to run the others.")
	}
	if x.ErrorCode == "merge_failed" {
		fmt.Fprintf(w, "The wells are done and kept. Merge them again: supervisor retry --failed %s\n", short(x.ExecutionID))
	}
	if len(failed) > 0 {
		advise(w, x)
	}
	if _, err := io.WriteString(out, w.String()); err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	return nil
}

// advise says what can be done about failed wells.
func advise(w io.Writer, x message.Execution) {
	fmt.Fprintf(w, "Run the failed wells again: supervisor retry --failed %s\n", short(x.ExecutionID))
	for _, way := range []struct {
		reason enums.ExitReason
		text   string
	}{
		{enums.ReasonTimeout, "Give them more time:        type the same command with --set timeout=…; finished wells are kept"},
		{enums.ReasonOutOfMemory, "Give them more memory:      type the same command with --set memory=… or fewer --workers; finished wells are kept"},
	} {
		if slices.ContainsFunc(x.Wells, func(v message.Well) bool {
			return v.Status == enums.WellFailed && v.Reason == string(way.reason)
		}) {
			fmt.Fprintln(w, way.text)
		}
	}
	fmt.Fprintf(w, "What they said:             supervisor logs %s --level warn\n", short(x.ExecutionID))
}

// failure says in one line why a well failed.
func failure(v message.Well) string {
	text := cause(v.Reason, v.Error) + exitNote(&v)
	if v.Step != "" && !strings.Contains(text, "step "+v.Step+":") {
		text += " (in step " + v.Step + ")"
	}
	if v.Attempts > 1 {
		text += fmt.Sprintf(", after %d attempts", v.Attempts)
	}
	return text
}

// cause puts a reason and its error into one line, without saying a word twice.
func cause(reason, text string) string {
	text = oneLine(text)
	switch {
	case text == "":
		return reason
	case reason == "" || strings.HasPrefix(text, reason+":"):
		return text
	default:
		return reason + ": " + text
	}
}

func (a *app) showAccepted(accepted message.Accepted) error {
	return a.show(accepted, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, accepted.ExecutionID)
		if err == nil {
			_, err = fmt.Fprintf(a.errs, "%s. Follow it: supervisor wait %s\n", accepted.Message, accepted.ExecutionID[:8])
		}
		return err
	})
}
