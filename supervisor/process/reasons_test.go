//go:build linux

package process

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestReasons(t *testing.T) {
	f := newFixture(t, nil)
	for _, test := range []struct {
		name   string
		task   order
		limits func(*Limits)
		reason enums.ExitReason
		text   string // part of the error
		code   int
		signal string
	}{
		{name: "ok", task: order{}, reason: enums.ReasonOK},
		{name: "function error", task: order{Do: "fail"}, reason: enums.ReasonFunctionError, text: "sigma must be positive"},
		{name: "panic", task: order{Do: "panic", Number: 3}, reason: enums.ReasonPanic, text: "index out of range [3]", code: 2},
		{name: "segfault", task: order{Do: "raise", Number: int(syscall.SIGSEGV)}, reason: enums.ReasonSignal, text: "SIGSEGV", code: 2, signal: "SIGSEGV"},
		{name: "abort", task: order{Do: "raise", Number: int(syscall.SIGABRT)}, reason: enums.ReasonSignal, text: "SIGABRT", code: 2, signal: "SIGABRT"},
		{name: "killed", task: order{Do: "raise", Number: int(syscall.SIGKILL)}, reason: enums.ReasonSignal, text: "SIGKILL", code: -1, signal: "SIGKILL"},
		{name: "exit 3", task: order{Do: "exit", Number: 3}, reason: enums.ReasonPanic, text: "exit code 3", code: 3},
		{name: "exit 2", task: order{Do: "exit", Number: 2}, reason: enums.ReasonPanic, text: "exit code 2", code: 2},
		{name: "exit 0", task: order{Do: "exit"}, reason: enums.ReasonOutputInvalid, text: "no outcome"},
		{name: "no outcome", task: order{Do: "no outcome"}, reason: enums.ReasonOutputInvalid, text: "no outcome"},
		{name: "damaged outcome", task: order{Do: "damage outcome"}, reason: enums.ReasonOutputInvalid, text: "damaged"},
		{name: "reply lost", task: order{Do: "die after outcome"}, reason: enums.ReasonOK, code: -1, signal: "SIGKILL"},
		{
			name: "timeout", task: order{Do: "sleep", For: time.Hour}, reason: enums.ReasonTimeout, text: "300ms",
			limits: func(l *Limits) { l.Timeout = 300 * time.Millisecond },
		},
		{
			name: "ignores stop and TERM", task: order{Do: "ignore everything"}, reason: enums.ReasonTimeout, code: -1, signal: "SIGKILL",
			limits: func(l *Limits) { l.Timeout, l.Grace = 300*time.Millisecond, 400*time.Millisecond },
		},
		{
			name: "alive without progress", task: order{Do: "sleep", For: 900 * time.Millisecond}, reason: enums.ReasonOK,
			limits: func(l *Limits) { l.Stall = 200 * time.Millisecond },
		},
		{
			name: "memory", task: order{Do: "memory"}, reason: enums.ReasonOutOfMemory, text: "MiB", code: anyCode, signal: anySignal,
			limits: func(l *Limits) { l.Memory = 96 << 20 },
		},
		{
			name: "descriptors", task: order{Do: "descriptors"}, reason: enums.ReasonFunctionError, text: "too many open files",
			limits: func(l *Limits) { l.OpenFiles = 64 },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if raceDetector && test.name == "memory" {
				t.Skip("the race detector needs more memory than the limit")
			}
			spec := f.spec(strings.ReplaceAll(test.name, " ", "-"), test.task)
			if test.limits != nil {
				test.limits(&spec.Limits)
			}
			got := f.run(spec)
			if got.Reason != test.reason || !strings.Contains(got.Error, test.text) {
				t.Errorf("ended as %s (%s), want %s (…%s…)\n%s", got.Reason, got.Error, test.reason, test.text, strings.Join(got.LogTail, "\n"))
			}
			if test.code != anyCode && (got.ExitCode != test.code || got.Signal != test.signal) {
				t.Errorf("exit code %d, signal %q; want %d, %q", got.ExitCode, got.Signal, test.code, test.signal)
			}
			if got.Pid == 0 || got.Started.IsZero() || got.Ended.Before(got.Started) {
				t.Errorf("evidence is missing: %+v", got)
			}
			if got.Reason == enums.ReasonOK && got.Outcome == nil {
				t.Error("ok without an outcome")
			}
		})
	}
}

const (
	anyCode   = -1000
	anySignal = ""
)

func TestPanicLeadsTheLogTail(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	got := f.run(f.spec("A01", order{Do: "panic", Number: 7}))
	if len(got.LogTail) < 3 || !strings.HasPrefix(got.LogTail[0], "panic: runtime error: index out of range [7]") {
		t.Errorf("log tail is %q", got.LogTail)
	}
}

func TestKilledFromOutside(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	results := make(chan Result, 1)
	go func() { results <- f.run(spec) }()
	begun(t, spec)
	f.Progress("e1", "A01", 1, "segment")
	if err := syscall.Kill(f.Pid("e1", "A01", 1), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	got := <-results
	if got.Reason != enums.ReasonSignal || got.Signal != "SIGKILL" || got.LastStep != "segment" {
		t.Errorf("got %+v", got)
	}
	if late := got.Ended.Sub(killed); late > time.Second {
		t.Errorf("noticed after %s", late)
	}
	if got.PeakMemory == 0 {
		t.Error("no peak memory")
	}
}

func TestStoppedWorkerIsStalled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	spec.Limits.Stall, spec.Limits.Grace = 600*time.Millisecond, 500*time.Millisecond
	results := make(chan Result, 1)
	go func() { results <- f.run(spec) }()
	begun(t, spec)
	stopped := time.Now()
	if err := syscall.Kill(f.Pid("e1", "A01", 1), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := <-results
	if got.Reason != enums.ReasonStalled {
		t.Errorf("got %s (%s)", got.Reason, got.Error)
	}
	if took := time.Since(stopped); took > 2*spec.Limits.Stall+spec.Limits.Grace+time.Second {
		t.Errorf("gone after %s", took)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan Result, 1)
	go func() { results <- f.Run(ctx, spec, nil) }()
	begun(t, spec)
	asked := time.Now()
	cancel()
	got := <-results
	if got.Reason != enums.ReasonCancelled || got.ExitCode != 0 {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(asked); took > time.Second {
		t.Errorf("a willing worker took %s to stop", took)
	}
	if got := f.Run(ctx, f.spec("A02", order{}), nil); got.Reason != enums.ReasonCancelled {
		t.Errorf("after the cancel: %s", got.Reason)
	}
}

func TestKillAllCutsTheGraceShort(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "ignore everything"})
	spec.Limits.Grace = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan Result, 1)
	go func() { results <- f.Run(ctx, spec, nil) }()
	begun(t, spec)
	cancel()
	f.KillAll()
	if got := <-results; got.Reason != enums.ReasonCancelled || got.Signal != "SIGKILL" {
		t.Errorf("got %+v", got)
	}
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		worker string
		reason enums.ExitReason
		text   string
	}{
		{"worker-that-is-silent", enums.ReasonStartFailed, "did not say hello within 500ms"},
		{"worker-that-dies-early", enums.ReasonStartFailed, "libexample.so.5"},
		{"worker-of-another-build", enums.ReasonHandshakeMismatch, "wellhouse.test.Thing"},
	} {
		t.Run(test.worker, func(t *testing.T) {
			t.Parallel()
			log := &bytes.Buffer{}
			f := newFixture(t, func(o *Options) {
				o.Args, o.Logger = []string{test.worker}, slog.New(slog.NewTextHandler(log, nil))
				if test.worker == "worker-that-is-silent" {
					o.StartTimeout = 500 * time.Millisecond
				}
			})
			spec := f.spec("A01", order{})
			got := f.Run(context.Background(), spec, func(Record) error { t.Error("started"); return nil })
			if got.Reason != test.reason || !strings.Contains(got.Error, test.text) {
				t.Errorf("got %s (%s)", got.Reason, got.Error)
			}
			if !strings.Contains(log.String(), "reason="+string(test.reason)) {
				t.Errorf("the log says %s", log)
			}
			if test.reason == enums.ReasonHandshakeMismatch && len(got.Differences) == 0 {
				t.Error("no differences")
			}
			if _, err := os.Stat(filepath.Join(spec.Directory, "begun")); err == nil {
				t.Error("the task was begun")
			}
		})
	}
}

func TestUnkillable(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	f := newFixture(t, func(o *Options) {
		o.KillTimeout = 200 * time.Millisecond
		o.Kill = func(pid int, signal syscall.Signal) error {
			select {
			case <-stuck:
				return syscall.Kill(pid, signal)
			default:
				return nil // as of a process in uninterruptible sleep
			}
		}
	})
	spec := f.spec("A01", order{Do: "ignore everything"})
	spec.Limits.Timeout, spec.Limits.Grace = 100*time.Millisecond, 100*time.Millisecond
	var record Record
	got := f.Run(context.Background(), spec, func(r Record) error { record = r; return nil })
	if got.Reason != enums.ReasonUnkillable || got.Gone == nil || !strings.Contains(got.Error, "stuck") {
		t.Fatalf("got %+v", got)
	}
	select {
	case <-got.Gone:
		t.Fatal("gone too early")
	default:
	}
	close(stuck)
	if err := syscall.Kill(record.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-got.Gone:
	case <-time.After(10 * time.Second):
		t.Fatal("never gone")
	}
}

// A cancel does not hide that the process is still there, and what it holds: when
// it goes at last, nothing of it is left.
func TestCancelledWhileStuckAtItsStart(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	f := newFixture(t, func(o *Options) {
		o.Args = []string{"worker-that-is-silent"}
		o.StartTimeout, o.KillTimeout = 3*time.Second, 200*time.Millisecond
		o.Kill = func(pid int, signal syscall.Signal) error {
			select {
			case <-stuck:
				return syscall.Kill(pid, signal)
			default:
				return nil // as of a process in uninterruptible sleep
			}
		}
	})
	spec := f.spec("A01", order{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	results := make(chan Result, 1)
	go func() { results <- f.Run(ctx, spec, nil) }()
	awaitText(t, spec.LogPath, "thinking")
	cancel()
	got := <-results
	if got.Reason != enums.ReasonCancelled || got.Gone == nil || got.Pid == 0 {
		t.Fatalf("got %+v", got)
	}
	if !isWorker(got.Pid) {
		t.Error("a process that is still there is not counted")
	}
	close(stuck)
	if err := syscall.Kill(got.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-got.Gone:
	case <-time.After(10 * time.Second):
		t.Fatal("never gone")
	}
	if isWorker(got.Pid) {
		t.Error("a process that is gone is still counted")
	}
}

// awaitText waits until a file has the text in it.
func awaitText(t *testing.T, path, text string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if content, err := os.ReadFile(path); err == nil && strings.Contains(string(content), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never has %q", path, text)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // a file gives no event
	}
}
