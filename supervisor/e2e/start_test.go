package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// startAndRun runs two wells on a server with another worker program, without
// retries, and returns how the execution ended.
func startAndRun(t *testing.T, program string, flags ...string) (*harness.World, message.Execution) {
	t.Helper()
	w := harness.New(t)
	w.Serve(append([]string{"--workers", "2", "--worker-binary", program}, flags...)...)
	r := w.Want(1, "run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--wells", "2", "--out", w.Path("out"), "--retries", "0", "--json")
	x := outcome(t, r)
	if x.Status != enums.ExecutionFailed || len(x.Wells) != 2 || x.ResultsSummary.Failed != 2 {
		t.Fatalf("the execution is %s with %+v", x.Status, x.ResultsSummary)
	}
	return w, x
}

// script writes a program that is no worker.
func script(t *testing.T, text string) string {
	t.Helper()
	path := t.TempDir() + "/worker"
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// A worker that says nothing, nonsense, or nothing for ever fails its own well
// as start_failed, within the time that a start may take, and is not left.
func TestWorkerThatNeverSaysHello(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ program, says string }{
		"silent":       {"exec sleep 600", "did not say hello within 2s"},
		"ends at once": {"echo no library >&2; exit 3", "no library"},
		"nonsense":     {`echo '{"@message": 5}' >&2; echo hello; exec sleep 600`, "worker"},
		"floods":       {"exec yes", "worker"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, x := startAndRun(t, script(t, test.program), "--start-timeout", "2s")
			for _, v := range x.Wells {
				if v.Reason != string(enums.ReasonStartFailed) {
					t.Errorf("%s ended as %s: %s", v.Well, v.Reason, v.Error)
				}
				says(t, v.Error, test.says)
			}
			for well, r := range wells(t, w.Path("out")) {
				if r["ExitReason"] != "start_failed" {
					t.Errorf("wells.csv says of %s: %v", well, r)
				}
			}
		})
	}
}

// A worker of another build is refused before it gets a task, and what differs
// is said. It is not tried again: it would only differ again.
func TestWorkerOfAnotherBuildIsRefused(t *testing.T) {
	t.Parallel()
	program, err := otherWorker()
	if err != nil {
		t.Fatal(err)
	}
	w, x := startAndRun(t, program)
	for _, v := range x.Wells {
		if v.Reason != string(enums.ReasonHandshakeMismatch) {
			t.Errorf("%s ended as %s: %s", v.Well, v.Reason, v.Error)
		}
		says(t, v.Error, "differ", "wellhouse.function.FromElsewhere")
	}
	for well, r := range wells(t, w.Path("out")) {
		if r["ExitReason"] != "handshake_mismatch" {
			t.Errorf("wells.csv says of %s: %v", well, r)
		}
	}
}

// A worker program that is replaced under its server pauses the run, which says
// what to do and goes on when the server and its workers agree again.
func TestWorkerProgramIsReplaced(t *testing.T) {
	t.Parallel()
	other, err := otherWorker()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "worker")
	link := func(to string) {
		if err := errors.Join(os.Symlink(to, program+".new"), os.Rename(program+".new", program)); err != nil {
			t.Fatal(err)
		}
	}
	w := harness.New(t)
	link(harness.Binary(t))
	w.Serve("--workers", "1", "--spares", "0", "--worker-binary", program)
	link(other)
	id := w.Submit(w.Plate(), harness.Nuclei, "--wells", "1", "--retries", "9")
	w.Await(id, "a pause", func(x message.Execution) bool {
		return strings.Contains(x.Hold, "the worker binary was replaced since the server started: restart the server")
	}, nil)
	link(harness.Binary(t))
	if x := w.AwaitEnd(id); x.Status != enums.ExecutionComplete {
		t.Errorf("the execution ended as %s: %+v", x.Status, x.Wells)
	}
}
