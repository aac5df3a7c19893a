//go:build linux

package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A server that comes back while the plate cannot be reached commits and merges
// as the one before it would have: the tables never mix two configurations, and
// the plate keeps its name.
func TestFaultRestartKeepsConfigurationsApart(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{true, false} { // whether the plate comes back before the merge
		w := harness.New(t)
		w.Setenv("WELLHOUSE_FAULTS", "1")
		plate := plateOf(t, w, 4)
		names := platesWells(t, w, plate)
		server := w.Serve("--workers", "2")
		out := []string{"--out", w.Path("out")}
		w.AwaitEnd(w.Submit(plate, harness.Nuclei, append(out, "--wells", strings.Join(names[:2], ","))...))

		other := strings.Replace(waiting("1.5", "0"), "wells: [A01], ", "", 1)
		id := w.Submit(plate, other, append(out, "--wells", strings.Join(names[2:], ","))...)
		ended := follow(w, id)
		w.Await(id, "a waiting worker", nil, started(names[2], "fault"))
		w.Await(id, "the other waiting worker", func(x message.Execution) bool {
			return !slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Step != "fault" })
		}, nil)
		server.Kill()
		if err := os.Rename(plate, plate+"-away"); err != nil {
			t.Fatal(err)
		}
		w.Serve("--workers", "2")
		if back {
			w.Await(id, "the hold", func(x message.Execution) bool { return strings.HasPrefix(x.Hold, "plate: ") }, nil)
			if err := os.Rename(plate+"-away", plate); err != nil {
				t.Fatal(err)
			}
		}
		x, err := ended()
		if err != nil {
			t.Fatal(err)
		}
		if x.Status != enums.ExecutionComplete || x.ResultsSummary == nil {
			t.Fatalf("it ended as %s: %v", x.Status, text(x.Error))
		}
		var listed []string
		for _, row := range table(t, filepath.Join(x.OutputPath, "wells.csv"))[1:] {
			listed = append(listed, row[1])
			if row[0] != "plate" {
				t.Errorf("the plate of %s is called %q", row[1], row[0])
			}
		}
		if !slices.Equal(listed, names[2:]) {
			t.Errorf("the tables have %v, want %v: two configurations are mixed", listed, names[2:])
		}
		if warnings := strings.Join(x.ResultsSummary.Warnings, "\n"); !strings.Contains(warnings, "another pipeline or configuration") {
			t.Errorf("nobody was told of the wells that were left out: %q", warnings)
		}
	}
}

// Results that were damaged between their commit and the merge are told, and
// retrying computes just those again.
func TestFaultRetryAfterAMergeThatFailed(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2")
	plate := plateOf(t, w, 4)
	id := w.Submit(plate, waiting("2", "0"), "--out", w.Path("out"))
	ended := follow(w, id)
	w.Await(id, "a committed well", func(x message.Execution) bool {
		return slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Well == "B01" && v.Status == enums.WellComplete })
	}, nil)
	tables, err := filepath.Glob(w.Path("out", ".wellhouse", "wells", "B01", "1", "tables", "*"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("B01 has no files: %v", err)
	}
	for _, path := range tables {
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
	}
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	if x.ErrorCode != "merge_failed" || !strings.Contains(text(x.Error), "B01") {
		t.Fatalf("it ended as %s (%s): %s", x.Status, x.ErrorCode, text(x.Error))
	}
	w.Want(0, "retry", "--failed", id)
	var all message.HistoryReply
	if err := w.Client().Call(w.Context(), message.History{}, &all); err != nil {
		t.Fatal(err)
	}
	again := w.Status(all.Executions[0].ExecutionID)
	for _, v := range again.Wells {
		if reused := v.Well != "B01"; v.Status != enums.WellComplete || v.Reused != reused {
			t.Errorf("%s is %s, reused: %v", v.Well, v.Status, v.Reused)
		}
	}
	check(t, w, again, expectation{wells: 4})
}

// A results folder that is moved away under running workers is not made again by
// them, so that it can be put back where it was; no well is to blame.
func TestFaultResultsAreMovedAway(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2", "--spares", "0")
	out := w.Path("out")
	pipeline := strings.Replace(harness.Nuclei, "steps:\n", "steps:\n  - {name: wait, function: fault_sleep, with: {duration: 1}, keep: true}\n", 1)
	id := w.Submit(plateOf(t, w, 4), pipeline, "--out", out, "--retries", "0")
	w.Await(id, "a waiting worker", nil, started("A01", "wait"))
	if err := os.Rename(out, out+"-away"); err != nil {
		t.Fatal(err)
	}
	w.Await(id, "the pause", func(x message.Execution) bool {
		return strings.HasPrefix(x.Hold, "disk: ") && !slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Status == enums.WellRunning })
	}, nil)
	if _, err := os.Lstat(out); err == nil {
		t.Error("something is in its place")
	}
	if err := os.Rename(out+"-away", out); err != nil {
		t.Fatal(err)
	}
	check(t, w, w.AwaitEnd(id), expectation{wells: 4})
}

// A plan that was checked before is run to its end by the next server, too.
func TestFaultRestartKnowsTheArtifact(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	plate, pipeline := plateOf(t, w, 4), waiting("1.5", "0")
	server := w.Serve("--workers", "1")
	artifact := w.Submit(plate, pipeline, "--compile-only")
	w.Want(0, "wait", artifact)
	id := w.Submit(plate, pipeline, "--artifact", artifact)
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	server.Kill()
	w.Serve("--workers", "1")
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 4})
	w.Want(0, "wait", w.Submit(plate, pipeline, "--artifact", artifact)) // the next server knows it
	w.Want(2, "wait", w.Submit(plate, pipeline, "--artifact", id))       // and what is none
}

// A function that fails with a long text, and workers that say much, do not make
// records and replies large.
func TestFaultWordsAreBounded(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2")
	pipeline := steps("fault_log", "bytes: 100000") +
		"  - {name: fail, from: pipeline_start, function: fault_error, with: {wells: [A01], message: " + strings.Repeat("long ", 10_000) + "}}\n"
	x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), pipeline))
	check(t, w, x, expectation{4, map[string]want{"A01": {enums.WellFailed, enums.ReasonFunctionError}}})
	for _, v := range x.Wells {
		switch {
		case v.Well == "A01" && (len(v.Error) < 1000 || len(v.Error) > 5000 || !strings.Contains(v.Error, "fault_error: long long")):
			t.Errorf("its error has %d bytes: %.100s", len(v.Error), v.Error)
		case v.Well != "A01" && len(v.Evidence.LogTail) > 0:
			t.Errorf("%s is well, and its log is told: %.100q", v.Well, v.Evidence.LogTail)
		}
	}
}
