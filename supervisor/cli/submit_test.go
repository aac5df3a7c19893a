package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// The way of a plate in parts: submit, wait, status, results, history.
func TestPlateInParts(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve("--workers", "2")
	plate := w.Plate()
	r := w.Want(0, "submit", plate, "-p", w.Pipeline(harness.Nuclei))
	id := strings.TrimSpace(r.Stdout)
	if len(id) != 36 {
		t.Fatalf("standard output is not an id alone: %q", r.Stdout)
	}
	contains(t, r.Stderr, "supervisor wait "+id[:8])

	waited := w.Want(0, "wait", id[:6])
	contains(t, waited.Stdout, "complete, 4 of 4 wells complete", "Nuclei", plate+"_wellhouse")
	contains(t, w.OK("status", id), id, "complete", "A02", plate)
	contains(t, w.OK("history"), id[:8], "4/4", plate+"_wellhouse")

	results := strings.Split(strings.TrimSpace(w.OK("results", id)), "\n")
	if len(results) < 6 {
		t.Errorf("few results: %q", results)
	}
	for _, path := range results {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("results names a file that is not there: %v", err)
		}
	}
	var x message.Execution
	w.JSON(&x, "status", id)
	if x.ExecutionID != id || len(x.Wells) != 4 || x.ResultsSummary == nil {
		t.Errorf("status --json gave %+v", x)
	}
	var all []message.Execution
	w.JSON(&all, "history", "--plate", plate)
	if len(all) != 1 || all[0].ExecutionID != id {
		t.Errorf("history --json gave %+v", all)
	}
	w.JSON(&all, "history", "--plate", w.Path("another"))
	if len(all) != 0 {
		t.Errorf("another plate has a history: %+v", all)
	}
}

func TestFailedWellsAreTold(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	id := w.Submit(w.Plate(), harness.Fault("fault_exit", "code: 7, wells: [A02]"), "--retries", "0")
	r := w.Want(1, "wait", id)
	contains(t, r.Stdout, "3 of 4 wells complete", "A02 failed", "supervisor retry --failed "+id[:8])
	contains(t, w.OK("status", id), "A02", "failed", "exit code 7", "supervisor logs "+id[:8])
	results := w.Want(0, "results", id)
	contains(t, results.Stderr, "3 of 4 wells complete", "A02 failed")

	again := w.Want(1, "retry", "--failed", id)
	contains(t, again.Stdout, "retry of "+id[:8], "3 of 4 wells complete (3 kept from before)")
	var all []message.Execution
	w.JSON(&all, "history")
	if len(all) != 2 || all[0].RetryOf != id {
		t.Errorf("the retry is not in the history: %+v", all)
	}
}

// A well that failed for its image and is mended is merged into the same results.
func TestRetryOfAMendedImage(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	plate := w.Plate()
	image := oneImage(t, plate, "A02")
	whole := w.Read(image)
	if err := os.Truncate(image, 100); err != nil {
		t.Fatal(err)
	}
	// No server runs: run starts one, and so does retry when that has ended.
	r := w.Want(1, "run", plate, "-p", w.Pipeline(harness.Nuclei), "--json")
	id := x(t, r.Stdout).ExecutionID
	if err := os.WriteFile(image, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	w.Want(0, "retry", "--failed", id[:8])
	wells := w.Read(plate + "_wellhouse/wells.csv")
	if n := strings.Count(wells, ",complete,"); n != 4 {
		t.Errorf("%d wells are complete:\n%s", n, wells)
	}
}

// oneImage is the path of an image of a well.
func oneImage(t *testing.T, plate, well string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(plate, func(path string, entry os.DirEntry, err error) error {
		if err == nil && strings.Contains(entry.Name(), "_"+well+"_") {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no image of %s in %s: %v", well, plate, err)
	}
	return found
}

// x is the outcome at the end of --json lines.
func x(t *testing.T, lines string) message.Execution {
	t.Helper()
	all := strings.Split(strings.TrimSpace(lines), "\n")
	var outcome message.Execution
	decode(t, all[len(all)-1], &outcome)
	return outcome
}

func TestCompileOnlyAndItsArtifact(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve()
	plate := w.Plate()
	checked := w.Submit(plate, harness.Nuclei, "--compile-only")
	w.Want(0, "wait", checked)
	if _, err := os.Stat(plate + "_wellhouse"); err == nil {
		t.Error("--compile-only wrote results")
	}
	w.Want(0, "retry", checked)
	contains(t, w.Want(2, "retry", "--failed", checked).Stderr, "no failed well")
	if _, err := os.Stat(plate + "_wellhouse"); err == nil {
		t.Error("a retry of --compile-only wrote results")
	}
	w.Want(0, "wait", w.Submit(plate, harness.Nuclei, "--artifact", checked))
	other := strings.Replace(harness.Nuclei, "function: segment_nuclei", "function: segment_nuclei\n    with: {min_area: 21}", 1)
	r := w.Want(2, "wait", w.Submit(plate, other, "--artifact", checked, "--out", w.Path("other")))
	contains(t, r.Stderr, "Nothing was started and nothing was written")
	if _, err := os.Stat(w.Path("other")); err == nil {
		t.Error("a refused artifact left results")
	}
	w.Want(2, "submit", plate, "-p", w.Pipeline(harness.Nuclei), "--artifact", checked, "--compile-only")
}

func TestInvalidInput(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve()
	plate := w.Plate()
	bad := w.Write("bad.yaml", "name: x\nsteps:\n  - name: a\n    function: gausian\n")
	contains(t, w.Want(2, "submit", plate, "-p", bad).Stderr, "bad.yaml:4:15", "gaussian")
	contains(t, w.Want(2, "submit", w.Path("none"), "-p", bad).Stderr, "no plate folder")
	invalid := w.Submit(plate, harness.Nuclei, "--wells", "H12")
	contains(t, w.Want(2, "wait", invalid).Stderr, "H12", "A01")
	contains(t, w.Want(2, "retry", "--failed", invalid).Stderr, "H12", "A01") // it came to no well: they are tried again
	for _, command := range []string{"wait", "status", "cancel", "retry", "results"} {
		contains(t, w.Want(2, command, "ffffffff").Stderr, "not found", "supervisor history")
	}
}

func TestCancel(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	plate := w.Plate()
	first := w.Submit(plate, harness.Fault("fault_sleep", long))
	second := w.Submit(plate, harness.Nuclei, "--out", w.Path("second"))
	w.AwaitRunning(first)
	view := w.OK("status")
	contains(t, view, first[:8], "running", second[:8], "queued, position 1")

	waiting := w.Start("wait", first)
	waiting.AwaitStderr(first[:8])
	contains(t, w.OK("cancel", first), "being cancelled")
	if r := waiting.Wait(); r.Code != 4 {
		t.Errorf("wait ended with %d: %s", r.Code, r.Stderr)
	}
	contains(t, w.OK("cancel", first), "already ended as cancelled")
	w.Want(0, "wait", second)
}

// Ctrl-C ends the waiting and nothing else.
func TestInterruptedWait(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	id := w.Submit(w.Plate(), harness.Fault("fault_sleep", long))
	w.AwaitRunning(id)
	waiting := w.Start("wait", id)
	waiting.AwaitStderr(id[:8])
	waiting.Signal(os.Interrupt)
	r := waiting.Wait()
	if r.Code != 130 {
		t.Errorf("wait ended with %d: %s", r.Code, r.Stderr)
	}
	contains(t, r.Stderr, "goes on", "supervisor wait "+id[:8])
	if s := w.Status(id).Status; s != "running" {
		t.Errorf("the execution is %s", s)
	}
}

// The server is killed while a client waits; the next one brings the result.
func TestWaitThroughARestart(t *testing.T) {
	w := faulty(t)
	server := w.Serve("--workers", "2")
	id := w.Submit(w.Plate(), harness.Fault("fault_sleep", "duration: 2"))
	w.AwaitRunning(id)
	waiting := w.Start("wait", id)
	waiting.AwaitStderr(id[:8])
	server.Kill()
	waiting.AwaitStderr("does not answer")
	w.Serve("--workers", "2")
	r := waiting.Wait()
	if r.Code != 0 {
		t.Fatalf("wait ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	contains(t, r.Stdout, "4 of 4 wells complete")
}

func TestWithoutServer(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for _, args := range [][]string{{"ping"}, {"status"}, {"cancel", "x"}, {"shutdown"}, {"ps"},
		{"submit", w.Plate(), "-p", w.Pipeline(harness.Nuclei)}} {
		r := w.Want(3, args...)
		contains(t, r.Stderr, "no server answers", "supervisor serve")
		if r.Stdout != "" {
			t.Errorf("%v printed %q", args, r.Stdout)
		}
	}
	// What reads records starts a server for it, which ends by itself.
	contains(t, w.OK("history"), "supervisor run")
}

// A pipe whose reader has gone ends a command as Unix does: by a signal and without a word.
func TestClosedPipe(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve()
	r, status := w.IntoClosedPipe("functions")
	if !status.Signaled() || status.Signal() != syscall.SIGPIPE || r.Stderr != "" {
		t.Errorf("it ended with %v and %q", status, r.Stderr)
	}
}
