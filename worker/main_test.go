package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// The test binary is its own worker.
const (
	workerVariable = "WELLHOUSE_TEST_WORKER"
	fifoVariable   = "WELLHOUSE_TEST_FIFO"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) == "1" {
		os.Exit(worker.Main(worker.Options{Version: "test", Catalogue: withWait(), Getenv: os.Getenv, Log: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

// wait is a function that says that it has begun and waits until it may go on,
// both through a FIFO, or until it is stopped.
type wait struct{}

func withWait() *function.Catalogue {
	c, err := function.New(append(function.Builtin().All(), function.Definition{
		Name: "wait", Version: 1, Kind: function.Planewise, Parameters: wait{},
		Apply: func(c *function.Call) error {
			fifo := os.Getenv(fifoVariable)
			if err := os.WriteFile(fifo+".begun", []byte(os.TempDir()), 0o600); err != nil {
				return err
			}
			opened := make(chan error, 1)
			go func() {
				f, err := os.Open(fifo) // until somebody writes
				if err == nil {
					err = f.Close()
				}
				opened <- err
			}()
			select {
			case err := <-opened:
				return err
			case <-c.Context.Done():
				return c.Context.Err()
			}
		},
	})...)
	if err != nil {
		panic(err)
	}
	return c
}

// process is a worker process of a test.
type process struct {
	*plugin.Worker
	detached bool
}

// leave lets go of the worker as a server that died, and waits until the
// process is gone: only then can its lock be had.
func (p *process) leave(t *testing.T, task pipeline.Task, before func()) {
	t.Helper()
	p.detached = true
	p.Detach()
	before()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		f, err := os.Open(task.Lock)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = f.Close() }()
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Error(err)
		}
	}()
	within(t, "the worker without a server to end", gone)
}

// start starts a worker process and ends it with the test.
func start(t *testing.T, env ...string) *process {
	t.Helper()
	run, err := os.MkdirTemp("", "wh") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "worker.log")
	w, err := plugin.Start(t.Context(), plugin.StartOptions{
		Binary: binary, RunDir: run, LogPath: log, Marker: t.Name(),
		Env: append(env, workerVariable+"=1", "PATH="+os.Getenv("PATH")),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Worker: w}
	t.Cleanup(func() {
		if !p.detached {
			if err := w.Kill(); err != nil {
				t.Error(err)
			}
			w.Release()
		}
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("worker's log:\n%s", text)
		}
	})
	return p
}

// request encodes a task for a worker.
func request(t *testing.T, task pipeline.Task) plugin.Request {
	t.Helper()
	names, err := worker.Vocabulary(withWait())
	if err != nil {
		t.Fatal(err)
	}
	text, err := names.Encode(task)
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Request{Execution: task.Execution, Plate: task.Plate, Well: task.Well, Attempt: task.Attempt, Task: text, Threads: 1}
}

func lockable(t *testing.T, steps string) pipeline.Task {
	t.Helper()
	task := task(t, steps, synth(t, plate.Synthesis{Rows: 1, Columns: 1}), withWait())
	task.Lock = filepath.Join(t.TempDir(), "A01.lock")
	return task
}

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited too long for %s", what)
	}
}

func TestWorkerDoesOneTask(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	names, err := worker.Vocabulary(withWait())
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Describe(ctx, names.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if d.Fingerprint != names.Fingerprint() || d.Version != "test" || len(d.Registry) != 0 {
		t.Errorf("description = %+v", d)
	}
	if !strings.Contains(strings.Join(d.Functions, ","), "segment_nuclei 1") {
		t.Errorf("functions = %v", d.Functions)
	}
	task := lockable(t, everyChannel)
	task.ProgressEndpoint = "ipc://" + filepath.Join(t.TempDir(), "nobody")
	reply, err := w.Execute(ctx, request(t, task))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Reason != enums.ReasonOK {
		t.Errorf("reply = %+v", reply)
	}
	outcome, err := result.ReadOutcome(task.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Reason != enums.ReasonOK || outcome.Well != "A01" || outcome.Counts["Nuclei"] == 0 {
		t.Errorf("outcome = %+v", outcome)
	}
	if last := task.Steps[len(task.Steps)-1].Name; outcome.Step != last || outcome.UserCPU+outcome.SystemCPU <= 0 || outcome.PeakMemory <= 0 {
		t.Errorf("the worker's account of itself = %+v, last step %s", outcome, last)
	}
	// Done is done, though the process lives.
	if lock, err := result.TryLock(task.Lock, "the test"); err != nil {
		t.Error(err)
	} else if err := lock.Release(); err != nil {
		t.Error(err)
	}
	if err := w.End("done", 5*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	if exit := w.Exit(); exit.Code != plugin.ExitDone {
		t.Errorf("exit = %v", exit)
	}
}

func TestWorkerDescribesWhatDiffers(t *testing.T) {
	t.Parallel()
	w := start(t)
	d, err := w.Describe(t.Context(), "another fingerprint")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(d.Registry), "wellhouse.task.WellTask") {
		t.Errorf("description does not name the task: %.200s", d.Registry)
	}
}

// A second worker for a well leaves without touching what the first one does.
func TestWorkerRefusesALockedWell(t *testing.T) {
	t.Parallel()
	task := lockable(t, everyChannel)
	lock, err := result.TryLock(task.Lock, "the test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	reply, err := start(t).Execute(t.Context(), request(t, task))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Reason != enums.ReasonStartFailed || !strings.Contains(reply.Error, "well A01 has a worker already") || !strings.Contains(reply.Error, "the test") {
		t.Errorf("reply = %+v", reply)
	}
	if files, _ := os.ReadDir(task.Directory); len(files) != 0 {
		t.Errorf("it wrote %v", files)
	}
}

func TestWorkerRefusesAForeignTask(t *testing.T) {
	t.Parallel()
	r := request(t, lockable(t, everyChannel))
	r.Well = "B02"
	reply, err := start(t).Execute(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Reason != enums.ReasonHandshakeMismatch || !strings.Contains(reply.Error, "A01") {
		t.Errorf("reply = %+v", reply)
	}
}

func TestWorkerStopsWhenAsked(t *testing.T) {
	t.Parallel()
	fifo := makeFifo(t)
	w := start(t, fifoVariable+"="+fifo)
	task := lockable(t, "  - {name: hold, function: wait}\n")
	replies := execute(t, w, task)
	awaitFile(t, fifo+".begun")
	if err := w.End("test", 10*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	if got := <-replies; got != "cancelled" && !strings.Contains(got, "execute task") {
		t.Errorf("reply = %s", got)
	}
	outcome, err := result.ReadOutcome(task.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Reason != enums.ReasonCancelled || outcome.Step != "hold" {
		t.Errorf("outcome = %+v", outcome)
	}
}

// A worker whose server is gone finishes its work, leaves its outcome, and ends.
func TestWorkerOutlivesItsServerToFinish(t *testing.T) {
	t.Parallel()
	fifo := makeFifo(t)
	w := start(t, fifoVariable+"="+fifo)
	task := lockable(t, "  - {name: hold, function: wait}\n")
	execute(t, w, task)
	awaitFile(t, fifo+".begun")
	w.leave(t, task, func() { release(t, fifo) })
	outcome, err := result.ReadOutcome(task.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Reason != enums.ReasonOK {
		t.Errorf("outcome = %+v", outcome)
	}
}

// A task's temporary files go beside its results, whatever the process was
// started with: it may have been a spare.
func TestTemporaryFilesGoBesideTheResults(t *testing.T) {
	t.Parallel()
	fifo := makeFifo(t)
	w := start(t, fifoVariable+"="+fifo, "TMPDIR=/nowhere")
	task := lockable(t, "  - {name: hold, function: wait}\n")
	execute(t, w, task)
	awaitFile(t, fifo+".begun")
	w.leave(t, task, func() { release(t, fifo) })
	dir := result.TemporaryDir(task.Directory)
	if text, err := os.ReadFile(fifo + ".begun"); err != nil || string(text) != dir {
		t.Errorf("temporary files go to %q (%v), want %s", text, err, dir)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder for them: %v, %v", info, err)
	}
}

// One that cannot finish gives up when the grace is over.
func TestWorkerEndsWithoutItsServer(t *testing.T) {
	t.Parallel()
	fifo := makeFifo(t)
	w := start(t, fifoVariable+"="+fifo, plugin.EnvOrphanGrace+"=100ms")
	task := lockable(t, "  - {name: hold, function: wait}\n")
	execute(t, w, task)
	awaitFile(t, fifo+".begun")
	w.leave(t, task, func() {})
	outcome, err := result.ReadOutcome(task.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Reason != enums.ReasonCancelled {
		t.Errorf("outcome = %+v", outcome)
	}
}

func TestMainRefusesToBeStartedByHand(t *testing.T) {
	t.Parallel()
	code := worker.Main(worker.Options{Version: "test", Catalogue: withWait(), Getenv: func(string) string { return "off" }, Log: &strings.Builder{}})
	if code != plugin.ExitUsage {
		t.Errorf("exit code %d", code)
	}
}

func execute(t *testing.T, w *process, task pipeline.Task) <-chan string {
	t.Helper()
	r := request(t, task)
	replies := make(chan string, 1)
	done := make(chan struct{})
	t.Cleanup(func() { within(t, "the call to return", done) })
	go func() {
		defer close(done)
		reply, err := w.Execute(context.Background(), r)
		if err != nil {
			replies <- err.Error()
			return
		}
		replies <- string(reply.Reason)
	}()
	return replies
}

// awaitFile waits for a file that a worker makes. There is no event to wait
// for across processes that every system has.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long for the worker to begin")
		}
	}
}

func release(t *testing.T, fifo string) {
	t.Helper()
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // blocks until the worker reads
	if err != nil {
		t.Fatal(fmt.Errorf("release worker: %w", err))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
