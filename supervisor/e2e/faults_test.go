package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// fault is one way for a well to misbehave, and what must be told of it.
type fault struct {
	well, function, with string
	reason               enums.ExitReason
	code                 int
	signal               string
	says                 string // part of the error
}

// faults are all of the functions that fail on purpose, each hitting one well.
// fault_memory has a test of its own: its limit would hold for every well.
func faults() []fault {
	return []fault{
		{well: "A01", function: "fault_panic", reason: enums.ReasonPanic, code: 2, says: "this panic was asked for"},
		{well: "A02", function: "fault_exit", with: "code: 7", reason: enums.ReasonPanic, code: 7, says: "exit code 7"},
		{well: "A03", function: "fault_segfault", reason: enums.ReasonSignal, code: 2, signal: "SIGSEGV", says: "fault"},
		{well: "A04", function: "fault_abort", reason: enums.ReasonSignal, code: 2, signal: "SIGABRT", says: "SIGABRT"},
		{well: "A05", function: "fault_signal", with: "signal: 9", reason: enums.ReasonSignal, code: -1, signal: "SIGKILL", says: "SIGKILL"},
		{well: "A06", function: "fault_hang", with: "mode: blocked", reason: enums.ReasonTimeout, code: -1, signal: "SIGKILL", says: "not done after"},
		{well: "B01", function: "fault_hang", with: "mode: busy", reason: enums.ReasonTimeout, code: -1, signal: "SIGKILL", says: "not done after"},
		{well: "B02", function: "fault_hang", with: "mode: stopped", reason: enums.ReasonStalled, code: -1, signal: "SIGKILL", says: "no answer to a ping"},
		{well: "B03", function: "fault_ignore_stop", reason: enums.ReasonTimeout, code: -1, signal: "SIGKILL", says: "not done after"},
		{well: "B04", function: "fault_error", with: "message: sigma is odd", reason: enums.ReasonFunctionError, says: "fault_error: sigma is odd"},
		{well: "B05", function: "fault_descriptors", reason: enums.ReasonFunctionError, says: "too many open files"},
		// These cost nothing but what they ask for.
		{well: "B06", function: "fault_sleep", with: "duration: 0.1", reason: enums.ReasonOK},
		{well: "C01", function: "fault_log", with: "bytes: 8000000, line: 0", reason: enums.ReasonOK},
		{well: "C02", function: "fault_log", with: "bytes: 4000000, line: 200, to: stdout", reason: enums.ReasonOK},
		{well: "C03", function: "fault_log", with: `bytes: 100000, line: 30, text: '{"@message": 5}'`, reason: enums.ReasonOK},
		{well: "C04", function: "fault_grandchild", with: "duration: 600", reason: enums.ReasonOK},
		{well: "C05", function: "fault_grandchild", with: "duration: 600, session: true", reason: enums.ReasonOK},
	}
}

// Every way to misbehave, in one plate: each well is told by its own reason in
// wells.csv, joblog.tsv and the JSON outcome, the others have their results, and
// no process is left, hidden grandchildren included (the world's end checks).
func TestEveryFaultCostsItsOwnWell(t *testing.T) {
	w := faulty(t)
	var text strings.Builder
	text.WriteString("name: faults\nsteps:\n")
	for i, f := range faults() {
		with := "wells: [" + f.well + "]"
		if f.with != "" {
			with += ", " + f.with
		}
		fmt.Fprintf(&text, "  - name: step%d\n    function: %s\n    with: {%s}\n", i, f.function, with)
	}
	text.WriteString("  - name: nuclei\n    function: segment_nuclei\n    objects: Nuclei\n")
	out := w.Path("out")
	dir := w.Synthesize(plate.Synthesis{Wells: 18})
	r := w.Want(1, "run", dir, "-p", w.Pipeline(text.String()), "--out", out, "--json", "--workers", "6", "--retries", "0",
		"--set", "timeout=6s", "--set", "stall=3s", "--set", "grace=1s")
	x := outcome(t, r)
	if x.Status != enums.ExecutionFailed || x.ErrorCode != "wells_failed" || len(x.Wells) != 18 {
		t.Errorf("the execution ended as %s (%s) with %d wells", x.Status, x.ErrorCode, len(x.Wells))
	}
	told, log := wells(t, out), attempts(t, out)
	truth := truthOf(t, dir)
	for i, f := range faults() {
		v, line := wellOf(t, x, f.well), told[f.well]
		if v.Reason != string(f.reason) || line["ExitReason"] != string(f.reason) {
			t.Errorf("%s (%s %s): the reason is %s in the outcome and %s in wells.csv, want %s: %s",
				f.well, f.function, f.with, v.Reason, line["ExitReason"], f.reason, v.Error)
			continue
		}
		if len(log[f.well]) != 1 || line["Attempts"] != "1" || v.Attempts != 1 {
			t.Errorf("%s: %d lines in joblog.tsv, %s and %d attempts, want 1", f.well, len(log[f.well]), line["Attempts"], v.Attempts)
			continue
		}
		job := log[f.well][0]
		if job["Reason"] != string(f.reason) {
			t.Errorf("%s: joblog.tsv says %s", f.well, job["Reason"])
		}
		if f.reason == enums.ReasonOK {
			if v.Status != enums.WellComplete || line["Status"] != "complete" || line.number(t, "Count_Nuclei") != truth[f.well] {
				t.Errorf("%s (%s): %v, want complete with %d nuclei", f.well, f.function, line, truth[f.well])
			}
			continue
		}
		if v.Status != enums.WellFailed || line["Status"] != "failed" || line["Count_Nuclei"] != "" {
			t.Errorf("%s: the status is %s and %s with %q nuclei, want failed without", f.well, v.Status, line["Status"], line["Count_Nuclei"])
		}
		says(t, line["Error"], f.says)
		says(t, v.Error, f.says)
		says(t, job["Error"], f.says)
		signal := f.signal
		if signal == "" {
			signal = "0"
		}
		if job["Exitval"] != strconv.Itoa(f.code) || job["Signal"] != signal {
			t.Errorf("%s (%s): exit code %s, signal %s, want %d, %s", f.well, f.function, job["Exitval"], job["Signal"], f.code, signal)
		}
		if want := fmt.Sprintf("step%d", i); job["LastStep"] != want || v.Step != want {
			t.Errorf("%s (%s): it ended in step %q, %q in the job log, want %s", f.well, f.function, v.Step, job["LastStep"], want)
		}
	}
	if healthy := told["C06"]; healthy["Status"] != "complete" || healthy.number(t, "Count_Nuclei") != truth["C06"] {
		t.Errorf("the well that nothing hit: %v, want %d nuclei", healthy, truth["C06"])
	}
	for _, line := range table(t, out+"/Nuclei.csv") {
		if slices.ContainsFunc(faults(), func(f fault) bool { return f.well == line["Metadata_Well"] && f.reason != enums.ReasonOK }) {
			t.Errorf("Nuclei.csv has an object of %s, which failed", line["Metadata_Well"])
			break
		}
	}
}
