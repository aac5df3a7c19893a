package result

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// writeJobLog writes joblog.tsv: a line per attempt of every execution on this
// folder, in the order they started, after the manner of GNU parallel. Times
// are UTC, runtimes and CPU in seconds, memory in bytes; a signal of 0 is none.
func (p *mergePlan) writeJobLog(out io.Writer) error {
	type line struct {
		Attempt
		well, execution string
	}
	var lines []line
	for _, r := range p.records {
		for _, w := range r.Wells {
			for _, a := range w.Jobs {
				lines = append(lines, line{a, w.Well, r.Execution})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(a.Started.Compare(b.Started), comparePositions(a.well, b.well), cmp.Compare(a.Number, b.Number))
	})
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "Seq\tWell\tAttempt\tReason\tExitval\tSignal\tStart\tJobRuntime\tCPU\tPeakMemory\tLastStep\tError\tExecution")
	for i, l := range lines {
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%d\t%s\t%s\t%.3f\t%.3f\t%d\t%s\t%s\t%s\n",
			i+1, l.well, l.Number, l.Reason, l.ExitCode, escapeTab(cmp.Or(l.Signal, "0")),
			isoTime(l.Started), elapsed(l.Started, l.Ended).Seconds(), l.CPU.Seconds(), l.PeakMemory,
			escapeTab(l.LastStep), escapeTab(l.Error), l.execution)
	}
	return w.Flush()
}

func elapsed(started, ended time.Time) time.Duration {
	if started.IsZero() || ended.Before(started) {
		return 0
	}
	return ended.Sub(started)
}

// isoTime writes a time as UTC, ISO 8601, to the millisecond; no time as "".
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// escapeTab keeps a value in its field and line; a backslash is doubled, so
// that it can be undone.
func escapeTab(s string) string {
	return strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`).Replace(cleanText(s))
}
