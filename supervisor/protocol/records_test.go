package protocol

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// logs are the log files of a world, by name.
func logs(t *testing.T, w *harness.World) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(w.Places.Logs(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[entry.Name()] = w.Read(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A plate leaves two log files, however many wells it has, with no more lines
// than a person reads: 20 for the run and 2 for each well.
func TestLogsOfAPlate(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve()
	const wells = 12
	before := strings.Count(logs(t, w)["server-7777.log"], "\n")
	folder := w.Synthesize(plate.Synthesis{Wells: wells})
	failing := strings.Replace(harness.Nuclei, "steps:\n", "steps:\n  - name: fail\n    function: fault_error\n    with: {wells: [A02]}\n", 1)
	x := w.AwaitEnd(w.Submit(folder, failing))
	if x.Status != "failed" || x.ResultsSummary.Complete != wells-1 {
		t.Fatalf("the plate ended as %s: %s", x.Status, text(x.Error))
	}
	s.Stop() // and every file is written
	files := logs(t, w)
	if len(files) != 2 {
		t.Errorf("%d log files are left: %v", len(files), files)
	}
	lines := -before
	for name, text := range files {
		lines += strings.Count(text, "\n")
		if strings.Contains(text, "level=DEBUG") {
			t.Errorf("%s has lines for developers", name)
		}
	}
	if most := 20 + 2*wells; lines > most {
		t.Errorf("%d wells gave %d lines, want at most %d: %v", wells, lines, most, files)
	}
	inside := 0
	for name, text := range files {
		if !strings.HasPrefix(name, "server-") {
			inside = strings.Count(text, "well=A0")
			if !strings.Contains(text, "this error was asked for") || !strings.Contains(text, "well=A02") {
				t.Errorf("%s does not tell of the well that failed: %s", name, text)
			}
		}
	}
	if inside < wells {
		t.Errorf("the execution's log tells of %d wells", inside)
	}
}

// What was run is known after a restart, with its results, until it is too old.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	first := w.AwaitEnd(w.Submit(small(w), harness.Nuclei))
	second := w.AwaitEnd(w.Submit(small(w), harness.Nuclei, "--wells", "A01"))
	s.Stop()

	s = w.Serve("--workers", "1")
	c := w.Client()
	recorded, err := c.History(w.Context(), 0, "")
	if err != nil || len(recorded) != 2 || recorded[0].ExecutionID != second.ExecutionID || recorded[1].ExecutionID != first.ExecutionID {
		t.Fatalf("history: %+v, %v", recorded, err)
	}
	if only, err := c.History(w.Context(), 1, ""); err != nil || len(only) != 1 {
		t.Errorf("history of one: %d, %v", len(only), err)
	}
	if of, err := c.History(w.Context(), 0, first.PlateID); err != nil || len(of) != 1 || of[0].ExecutionID != first.ExecutionID {
		t.Errorf("history of a plate: %+v, %v", of, err)
	}
	x := w.Status(first.ExecutionID)
	if x.Status != "complete" || len(x.Wells) != 3 || x.ResultsSummary == nil || *x.EndTime != *first.EndTime {
		t.Errorf("after the restart: %+v", x)
	}
	if results, err := c.Results(w.Context(), first.ExecutionID[:8]); err != nil || results.Summary.Complete != 3 || results.OutputPath != first.OutputPath {
		t.Errorf("results: %+v, %v", results, err)
	}
	again := w.AwaitEnd(w.Submit(first.PlateID, harness.Nuclei))
	if again.Status != "complete" || !slices.ContainsFunc(again.Wells, func(v message.Well) bool { return v.Reused }) {
		t.Errorf("the plate once more: %s, no well kept", again.Status)
	}
	s.Stop()

	s = w.Serve("--workers", "1", "--keep-history", "1ms")
	eventually(t, "what is old to be forgotten", func() bool {
		recorded, err := w.Client().History(w.Context(), 0, "")
		return err == nil && len(recorded) == 0
	})
	s.Stop()
	for name := range logs(t, w) {
		if !strings.HasPrefix(name, "server-") {
			t.Errorf("%s is left of what was forgotten", name)
		}
	}
	if _, err := os.Stat(filepath.Join(first.OutputPath, "wells.csv")); err != nil {
		t.Errorf("results were forgotten too: %v", err)
	}
}

// SIGTERM: what runs may finish, nothing more is started, and the next server
// does the rest without doing anything twice.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "1", "--drain", "60s")
	id := w.Submit(small(w), harness.Fault("fault_sleep", "duration: 1"))
	w.AwaitRunning(id)
	s.Signal(syscall.SIGTERM)
	s.Signal(syscall.SIGTERM) // once more changes nothing
	if r := s.Wait(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if pids := w.Processes(); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
	w.Serve("--workers", "1")
	x := w.AwaitEnd(id)
	if x.Status != "complete" {
		t.Errorf("the plate ended as %s: %s", x.Status, text(x.Error))
	}
	for _, v := range x.Wells {
		if v.Attempts != 1 {
			t.Errorf("well %s took %d attempts", v.Well, v.Attempts)
		}
	}
}

// What does not finish in time goes back to the queue, soon, and is nobody's
// failure.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "1", "--drain", "100ms")
	id := w.Submit(small(w), harness.Fault("fault_sleep", "duration: 600, attempts: 1"), "--retries", "0")
	w.AwaitRunning(id)
	waiting := w.Start("wait", id)
	waiting.AwaitStderr(id[:8])
	start := time.Now()
	if r := s.Stop(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if pids := w.Processes(); len(pids) != 1 { // the one that waits
		t.Errorf("processes are left: %v", pids)
	}
	w.Serve("--workers", "1")
	// Without a retry: the attempt that was stopped does not count.
	w.Await(id, "the well that was stopped to be done", func(x message.Execution) bool {
		return slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Status == "complete" && v.Attempts == 2 })
	}, nil)
	w.OK("cancel", id)
	if r := waiting.Wait(); r.Code != 4 {
		t.Errorf("wait ended with %d: %s", r.Code, r.Stderr)
	}
}
