package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// newEdge is as much of an edge as opening a job needs.
func newEdge(t *testing.T) (*edge, engine.Execution, string) {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	text, err := Submission{PlatePath: filepath.Join(dir, "plate"), Output: out}.encode()
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{
		now:  time.Now,
		jobs: jobs{all: map[string]*job{}, ended: map[string]bool{}}, log: slog.New(slog.DiscardHandler),
		logs: &logs{dir: logfile.Dir(filepath.Join(dir, "logs")), level: slog.LevelInfo},
	}
	t.Cleanup(func() {
		if err := e.jobs.dropAll(); err != nil {
			t.Error(err)
		}
	})
	return e, engine.Execution{ID: "11111111-1111", Request: text}, out
}

// A compilation that is under way while its execution is cancelled must not lock
// the results folder when there is nobody left to unlock it.
func TestNothingIsOpenedForAnExecutionThatHasEnded(t *testing.T) {
	t.Parallel()
	e, x, out := newEdge(t)
	j, err := e.jobs.get(x) // as compiling does
	if err != nil {
		t.Fatal(err)
	}
	if err := e.jobs.drop(x.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.opened(x); !errors.Is(err, errEnded) {
		t.Errorf("opening again gives %v", err)
	}
	if !j.dropped || j.folder != nil {
		t.Error("the job in the compilation's hands can be opened")
	}
	next, err := result.Open(out, "next")
	if err != nil {
		t.Fatalf("the next execution finds: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// A log that cannot be opened is an error every time: the second caller once
// found a folder without a log, and the server died of it.
func TestJobWithoutItsLogIsNotOpened(t *testing.T) {
	t.Parallel()
	e, x, _ := newEdge(t)
	if err := os.WriteFile(string(e.logs.dir), nil, 0o600); err != nil { // a file where a folder should be
		t.Fatal(err)
	}
	for range 2 {
		if j, err := e.opened(x); err == nil {
			t.Fatalf("it was opened, with the log %v", j.log)
		}
	}
	if err := os.Remove(string(e.logs.dir)); err != nil {
		t.Fatal(err)
	}
	if j, err := e.opened(x); err != nil || j.log == nil || j.folder == nil {
		t.Errorf("with room for it, opening gives %v", err)
	}
}
