//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// crashed starts an attempt and then behaves like a server that was killed: its
// end of everything vanishes, the worker stays. The record went through JSON.
func (f *fixture) crashed(spec Spec) Record {
	f.t.Helper()
	a := f.enter(spec)
	worker, err := f.launch(context.Background(), a)
	if err != nil {
		f.t.Fatal(err)
	}
	calling, hangUp := context.WithCancel(context.Background())
	called := make(chan struct{})
	go func() {
		defer close(called)
		_, _ = worker.Execute(calling, a.request())
	}()
	begun(f.t, spec)
	worker.Detach()
	hangUp()
	<-called
	f.leave(a)
	text, err := json.Marshal(a.record)
	if err != nil {
		f.t.Fatal(err)
	}
	var record Record
	if err := json.Unmarshal(text, &record); err != nil {
		f.t.Fatal(err)
	}
	return record
}

func TestReattachTakesTheReply(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: 700 * time.Millisecond})
	record := f.crashed(spec)
	got := f.Adopt(context.Background(), record, spec)
	if got.Reason != enums.ReasonOK || got.Outcome == nil || got.Pid != record.Pid {
		t.Errorf("got %+v", got)
	}
}

func TestOutcomeOfAWorkerThatEndedMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: 50 * time.Millisecond})
	record := f.crashed(spec)
	awaitEnd(t, record)
	gone := time.Now()
	got := f.Adopt(context.Background(), record, spec)
	if got.Reason != enums.ReasonOK || got.Outcome == nil || got.Ended.After(gone) || got.Ended.Before(got.Started) {
		t.Errorf("got %+v", got)
	}
	// The worker's own account stands for what the kernel tells of a child.
	if got.UserCPU != accountCPU || got.SystemCPU != accountCPU || got.PeakMemory != accountPeak || got.ExitCode != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestLostWithoutOutcome(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	record := f.crashed(spec)
	if err := syscall.Kill(record.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, record)
	if got := f.Adopt(context.Background(), record, spec); got.Reason != enums.ReasonLost || got.ExitCode != -1 {
		t.Errorf("got %+v", got)
	}
}

func TestAdoptedWorkerIsCancelled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	record := f.crashed(spec)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if got := f.Adopt(ctx, record, spec); got.Reason != enums.ReasonCancelled {
		t.Errorf("got %+v", got)
	}
	if err := record.Alive(); err == nil {
		t.Error("still there")
	}
}

// A worker that is stopped cannot say who it is; the kernel can.
func TestAdoptedWorkerIsStalled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	spec.Limits.Stall, spec.Limits.Grace = 400*time.Millisecond, 200*time.Millisecond
	record := f.crashed(spec)
	if err := syscall.Kill(record.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got := f.Adopt(context.Background(), record, spec); got.Reason != enums.ReasonStalled {
		t.Errorf("got %+v", got)
	}
}

// A server can die between recording a worker and giving it the task.
func TestAdoptedWorkerGetsItsTask(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{})
	a := f.enter(spec)
	worker, err := f.launch(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	// The new server is there before the old one's connection breaks.
	second := make(chan Result, 1)
	go func() { second <- f.Adopt(context.Background(), a.record, spec) }()
	got := <-second
	if got.Reason != enums.ReasonOK {
		t.Errorf("got %+v", got)
	}
	worker.Detach()
	f.leave(a)
}

// A worker that has its task is held to its limits from the moment it is taken
// over, by the record alone: the plate may be on a share that hangs.
func TestAdoptedWorkerIsHeldToItsLimits(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]struct {
		do     order
		limits Limits
		reason enums.ExitReason
	}{
		"timeout":   {do: order{Do: "sleep", For: time.Hour}, limits: Limits{Timeout: time.Second}, reason: enums.ReasonTimeout},
		"processes": {do: order{Do: "children", Number: 40, For: time.Hour}, limits: Limits{Processes: 30}, reason: enums.ReasonSignal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.groups = groupMaker{} // the watcher alone
			spec := f.spec("A01", limited.do)
			spec.Limits = limited.limits
			spec.Limits.Grace = 200 * time.Millisecond
			record := f.crashed(spec)
			bare := spec
			bare.Task, bare.Limits = nil, Limits{}
			bare.Late = func(context.Context, *Spec) error {
				t.Error("its task was made again")
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if got := f.Adopt(ctx, record, bare); got.Reason != limited.reason {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// idle is an attempt whose server has died, or is about to, before it gave the
// worker its task; its connection stays until the test ends.
func (f *fixture) idle(spec Spec) Record {
	f.t.Helper()
	a := f.enter(spec)
	worker, err := f.launch(context.Background(), a)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		worker.Detach()
		f.leave(a)
	})
	return a.record
}

// A worker without a task gets it when it is made, and its time begins then.
func TestAdoptedWorkerGetsItsTaskLate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{})
	record := f.idle(spec)
	record.Started = record.Started.Add(-time.Hour)
	bare := spec
	bare.Task, bare.Limits = nil, Limits{}
	bare.Late = func(_ context.Context, late *Spec) error {
		late.Task = spec.Task
		return nil
	}
	if got := f.Adopt(context.Background(), record, bare); got.Reason != enums.ReasonOK || got.Pid != record.Pid {
		t.Errorf("got %+v", got)
	}
}

// A worker without a task is lost with it, and a cancel does not wait for it.
func TestAdoptedWorkerNeverGetsItsTask(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hangs := make(chan struct{})
	defer close(hangs)
	for well, never := range map[string]struct {
		late   func(context.Context, *Spec) error
		reason enums.ExitReason
	}{
		"A01": {func(context.Context, *Spec) error { return errors.New("the pipeline is gone") }, enums.ReasonLost},
		"A02": {func(context.Context, *Spec) error { cancel(); <-hangs; return nil }, enums.ReasonCancelled},
	} {
		spec := f.spec(well, order{})
		record := f.idle(spec)
		spec.Task, spec.Late = nil, never.late
		within := context.Background()
		if never.reason == enums.ReasonCancelled {
			within = ctx
		}
		if got := f.Adopt(within, record, spec); got.Reason != never.reason {
			t.Errorf("got %+v", got)
		}
		if record.Alive() == nil {
			t.Error("it is still there")
		}
	}
}

// For the race detector: progress comes at any time.
func TestProgressDuringAdoption(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: 300 * time.Millisecond})
	record := f.crashed(spec)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				f.Progress(spec.Execution, spec.Well, spec.Attempt, "segment")
				f.Pid(spec.Execution, spec.Well, spec.Attempt)
			}
		}
	}()
	got := f.Adopt(context.Background(), record, spec)
	close(done)
	<-stopped
	if got.Reason != enums.ReasonOK || got.LastStep != "segment" {
		t.Errorf("got %+v", got)
	}
}

func TestRecycledPidIsNeverSignalled(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	bystander := exec.Command("/bin/sleep", "600")
	bystander.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	start, _, err := plugin.StartTime(bystander.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	spec := f.spec("A01", order{})
	record := Record{Execution: "e1", Well: "A01", Attempt: 1, Directory: spec.Directory, LogPath: spec.LogPath}
	record.Pid, record.Marker, record.Socket = bystander.Process.Pid, f.prefix+"e1/A01/1/dd", "/nowhere/plugin1"
	for name, change := range map[string]func(*Record){
		"start time": func(r *Record) { r.StartTime, r.BootID = start-1, plugin.BootID() },
		"boot":       func(r *Record) { r.StartTime, r.BootID = start, "another" },
		"marker":     func(r *Record) { r.StartTime, r.BootID = start, plugin.BootID() },
	} {
		record := record
		change(&record)
		if got := f.Adopt(context.Background(), record, spec); got.Reason != enums.ReasonLost {
			t.Errorf("%s: got %+v", name, got)
		}
		if p, ok := plugin.Look(bystander.Process.Pid); !ok || p.Dead() {
			t.Fatalf("%s: the bystander was signalled", name)
		}
	}
}

func awaitEnd(t *testing.T, record Record) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for record.Alive() == nil {
		if time.Now().After(deadline) {
			t.Fatal("worker does not end")
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // no event for a process that is not our child
	}
}
