package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
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
		if err := e.jobs.dropIdle(); err != nil {
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

// What hangs in a results folder keeps it from the next execution until it is over.
func TestFolderIsLockedWhileSomebodyIsAtWorkInIt(t *testing.T) {
	t.Parallel()
	e, x, out := newEdge(t)
	_, done, err := e.atWork(x, "results are being merged")
	if err != nil {
		t.Fatal(err)
	}
	dropped := make(chan error, 1)
	go func() { dropped <- e.jobs.drop(x.ID) }()
	for { // until the end was noticed
		if _, err := e.opened(x); errors.Is(err, errEnded) {
			break
		}
		runtime.Gosched()
	}
	if _, err := result.Open(out, "next"); !errors.Is(err, result.ErrLocked) {
		t.Errorf("the next execution finds: %v", err)
	}
	if _, _, err := e.atWork(x, "more work"); !errors.Is(err, errEnded) {
		t.Errorf("more work gives %v", err)
	}
	done()
	if err := <-dropped; err != nil {
		t.Fatal(err)
	}
	next, err := result.Open(out, "next")
	if err != nil {
		t.Fatalf("the next execution finds: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// A run that comes back after a restart and finds its results folder locked waits,
// and says whether the server before it or another run has it.
func TestWhoHasTheFolderIsTold(t *testing.T) {
	t.Parallel()
	e, x, out := newEdge(t)
	for holder, says := range map[string]string{x.ID: "the server before this one hangs", "next": "another execution was faster"} {
		has, err := result.Open(out, holder)
		if err != nil {
			t.Fatal(err)
		}
		x.Stage = engine.StageRunning
		if _, err := e.opened(x); !errors.Is(err, engine.ErrDiskFull) || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s has it, and it says %v", holder, err)
		}
		if err := has.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Work that hangs is waited for as long as anybody wants it, and a little longer.
func TestCancelledWorkIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		work := make(chan struct{})
		began := time.Now()
		time.AfterFunc(time.Hour, cancel)
		_, err := orGiveUp(ctx, func() (int, error) { <-work; return 1, nil })
		if took := time.Since(began); !errors.Is(err, engine.ErrDiskFull) || took != time.Hour+cancelPatience {
			t.Errorf("after %s: %v", took, err)
		}
		time.AfterFunc(cancelPatience/2, func() { close(work) })
		if v, err := orGiveUp(ctx, func() (int, error) { <-work; return 1, nil }); v != 1 || err != nil {
			t.Errorf("work that ends gives %d, %v", v, err)
		}
	})
}

// A worker that is stuck once its outcome is written still has its well's lock: its
// results wait for it to go.
func TestCommitWaitsForTheLockOfItsWorker(t *testing.T) {
	t.Parallel()
	e, x, _ := newEdge(t)
	j, err := e.opened(x)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := result.TryLock(j.folder.LockPath("A01"), "its worker")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	if err := e.Commit(t.Context(), x, engine.Well{Name: "A01"}, 1); !errors.Is(err, engine.ErrDiskFull) || !errors.Is(err, result.ErrLocked) {
		t.Errorf("the commit ends with %v", err)
	}
}

// However long a message is, the run it is about waits for its share.
func TestLongErrorStillWaits(t *testing.T) {
	t.Parallel()
	long := errors.New(strings.Repeat("no such image\n", longestBlame))
	for _, waits := range []error{engine.ErrDiskFull, engine.ErrPlateAway} {
		err := blame(marked{long, waits})
		if !errors.Is(err, waits) || !errors.Is(err, engine.ErrInvalidInput) || len(err.Error()) > 2*longestBlame {
			t.Errorf("%q is lost: %.100v", waits, err)
		}
	}
	if err := blame(long); errors.Is(err, engine.ErrPlateAway) || errors.Is(err, engine.ErrDiskFull) {
		t.Error("it waits for nothing")
	}
}

// A plate that is still being copied has other channels or planes than it will have;
// other functions or settings never come back by themselves.
func TestPlateThatDiffersIsWaitedFor(t *testing.T) {
	t.Parallel()
	known := facts{Configuration: "a", Settings: []byte(`{"a":1}`), Versions: map[string]string{"f": "1"}}
	found := known
	found.Configuration = "b"
	if err := known.differ(found); !errors.Is(err, engine.ErrPlateAway) || !strings.Contains(err.Error(), "the plate has other") {
		t.Errorf("another plate gives %v", err)
	}
	found.Settings = []byte(`{"a":2}`)
	if err := known.differ(found); errors.Is(err, engine.ErrPlateAway) {
		t.Errorf("other settings give %v", err)
	}
	found.Settings, found.Versions = known.Settings, map[string]string{"f": "2"}
	if err := known.differ(found); errors.Is(err, engine.ErrPlateAway) {
		t.Errorf("other functions give %v", err)
	}
}

// Who follows a run is told each new text: hours of waiting are few of them.
func TestWaitingForADiskIsToldNowAndThen(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var b busy
	defer b.with("the plate is being read", began)()
	told := map[string]bool{}
	for s := range 3600 {
		text := b.says(began.Add(time.Duration(s) * time.Second))
		if (s < 10) != (text == "") {
			t.Fatalf("after %d s it says %q", s, text)
		}
		told[text] = true
	}
	if len(told) > 25 {
		t.Errorf("in an hour it says %d things", len(told))
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
