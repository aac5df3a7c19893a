package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Start runs one attempt of a well in a process of its own.
func (e *edge) Start(ctx context.Context, order engine.Start, report engine.Report) engine.Ended {
	j, err := e.jobs.get(order.Execution)
	if err != nil {
		return failedStart(err)
	}
	if j.busy.hangs(e.now()) { // one thread that hangs is enough
		return failedStart(marked{errSilent, engine.ErrDiskFull})
	}
	return e.inSlot(j, func(s *slot) engine.Ended {
		done := s.onDisk("the attempt of well " + order.Well.Name + " is being prepared")
		spec, err := e.spec(ctx, order.Execution, order.Well, order.Attempt)
		switch {
		case !done():
			return engine.Ended{}
		case err != nil:
			return failedStart(err)
		}
		spec.Concluding = func() { done = s.gathering(order.Well.Name) }
		r := e.processes.Run(ctx, spec, e.spawned(report))
		ended := e.finish(order.Execution, spec, r)
		done()
		return ended
	})
}

// Adopt takes over an attempt that an earlier server started: its process when
// it lives, else what it left on disk.
func (e *edge) Adopt(ctx context.Context, order engine.Adopt, report engine.Report) engine.Ended {
	x, w, a := order.Execution, order.Well, order.Attempt
	var record process.Record
	if len(a.Process) > 0 {
		if err := json.Unmarshal(a.Process, &record); err != nil {
			e.log.Error("the record of a process cannot be read", "execution", x.ID, "well", w.Name, "error", err)
		}
	}
	spec := process.Spec{
		Execution: x.ID, Plate: x.Plate, Well: w.Name, Attempt: a.Number, Threads: a.Threads,
		LogPath: e.logs.dir.WorkerPath(x.ID, w.Name, a.Number), Limits: process.Limits{Memory: a.Memory},
	}
	j, err := e.jobs.get(x)
	if err != nil {
		e.log.Error("what an attempt left cannot be found", "execution", x.ID, "well", w.Name, "error", err)
	} else { // not by the record's word: what is there is removed
		spec.Directory = result.AttemptDir(j.submission.Out(), x.ID, w.Name, a.Number)
		go func() { // ends, or hangs by itself on a share that does: nothing waits for it
			if step := result.ReadTrail(spec.Directory); step != "" {
				e.board.resumed(x, w.Name, a, step)
			}
		}()
	}
	spec.Late = func(ctx context.Context, late *process.Spec) error {
		if _, err := e.compiled(ctx, x); err != nil { // before the folder is opened: it wants to know the plate
			return err
		}
		if _, err := e.opened(x); err != nil {
			return err
		}
		return e.task(ctx, x, w, a, late)
	}
	report.Running()
	if j == nil {
		return e.adopted(ctx, order, record, spec, e.processes.Adopt(ctx, record, spec))
	}
	return e.inSlot(j, func(s *slot) engine.Ended {
		done := func() bool { return true }
		spec.Concluding = func() { done = s.gathering(w.Name) }
		r := e.processes.Adopt(ctx, record, spec)
		ended := e.adopted(ctx, order, record, spec, r)
		done()
		return ended
	})
}

// adopted is finish for an attempt that an earlier server started.
func (e *edge) adopted(ctx context.Context, order engine.Adopt, record process.Record, spec process.Spec, r process.Result) engine.Ended {
	x, w, a := order.Execution, order.Well, order.Attempt
	if r.Reason == enums.ReasonLost {
		e.findCommitted(x, w, a, &r)
	}
	ended := e.finish(x, spec, r)
	// It gave up waiting for us, or was lost with the server before this one.
	ended.Excused = ctx.Err() == nil && (r.Reason == enums.ReasonCancelled || r.Reason == enums.ReasonLost)
	if r.Reason == enums.ReasonLost && record.Pid == 0 {
		ended.Evidence.Error = "the server ended before the worker had its task"
	}
	return ended
}

// findCommitted looks for the results of an attempt whose end the records do not
// know: they may be older than the results folder when the machine lost power.
func (e *edge) findCommitted(x engine.Execution, w engine.Well, a engine.Attempt, r *process.Result) {
	folder, err := e.folder(x)
	if err != nil {
		return // told by finish
	}
	outcome, ok, err := folder.Committed(w.Name)
	if err != nil || !ok || outcome.Execution != x.ID || outcome.Attempt != a.Number {
		return
	}
	e.log.Warn("a well's record was behind its results; they are taken", "execution", x.ID, "well", w.Name, "attempt", a.Number)
	r.Reason, r.Error, r.Outcome, r.LastStep = enums.ReasonOK, "", &outcome, outcome.Step
	r.Unseen(&outcome)
}

// spec prepares an attempt: its directory, its frozen task, its limits.
func (e *edge) spec(ctx context.Context, x engine.Execution, w engine.Well, a engine.Attempt) (process.Spec, error) {
	if _, err := e.compiled(ctx, x); err != nil { // before the folder is opened: it wants to know the plate
		return process.Spec{}, err
	}
	j, err := e.opened(x)
	if err != nil {
		return process.Spec{}, err
	}
	for n := 1; n < a.Number; n++ {
		e.discard(j, x, w.Name, n)
	}
	if _, err := j.folder.Prepare(w.Name, a.Number); err != nil {
		return process.Spec{}, j.failed(err)
	}
	spec := e.frame(x, w, a, j)
	return spec, e.task(ctx, x, w, a, &spec)
}

// frame is the part of a spec that needs no plan.
func (e *edge) frame(x engine.Execution, w engine.Well, a engine.Attempt, j *opening) process.Spec {
	return process.Spec{
		Execution: x.ID, Plate: x.Plate, Well: w.Name, Attempt: a.Number, Threads: a.Threads,
		Directory: j.folder.AttemptDir(w.Name, a.Number),
		LogPath:   e.logs.dir.WorkerPath(x.ID, w.Name, a.Number),
		Limits:    process.Limits{Memory: a.Memory},
	}
}

// task adds the frozen task and the configured limits.
func (e *edge) task(ctx context.Context, x engine.Execution, w engine.Well, a engine.Attempt, spec *process.Spec) error {
	j, err := e.compiled(ctx, x)
	if err != nil {
		return err
	}
	folder, err := e.folder(x)
	if err != nil {
		return err
	}
	task, err := j.plan.Task(w.Name)
	if err != nil {
		return err
	}
	settings := j.plan.Settings.Pipeline()
	if settings.Threads > 0 {
		spec.Threads = settings.Threads
	}
	spec.Limits = limitsOf(settings, a.Memory)
	task.Execution, task.Attempt, task.Threads = x.ID, a.Number, spec.Threads
	task.Directory, task.Lock = spec.Directory, folder.LockPath(w.Name)
	task.ProgressEndpoint = place.Endpoint(e.progressPath)
	if spec.Task, err = e.names.Encode(task); err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	return nil
}

// limitsOf are the configured limits, with the memory that the attempt may have.
func limitsOf(settings config.Pipeline, memory int64) process.Limits {
	return process.Limits{
		Timeout: settings.Timeout.Std(), Stall: settings.Stall.Std(),
		Grace:  max(settings.Grace.Std(), 1), // 0 is no time at all, and would be the default there
		Memory: memory, OpenFiles: settings.OpenFiles, Processes: settings.Processes,
	}
}

// spawned reports a process once, durably, before it is given its task.
func (e *edge) spawned(report engine.Report) func(process.Record) error {
	return func(record process.Record) error {
		text, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("encode process record: %w", err)
		}
		if err := report.Spawned(record.Pid, text); err != nil {
			return err
		}
		report.Running()
		return nil
	}
}

func failedStart(err error) engine.Ended {
	return engine.Ended{
		Evidence: engine.Attempt{Reason: enums.ReasonStartFailed, Error: firstLines(err.Error(), longestError)},
		Waits:    engine.WaitsFor(err),
	}
}

// finish turns the evidence of an attempt into the engine's event and copies its
// log into the execution's. What the attempt left stays until its end is
// durable: a server that dies before that judges it again by the same evidence.
func (e *edge) finish(x engine.Execution, spec process.Spec, r process.Result) engine.Ended {
	ended := engine.Ended{Evidence: engine.Attempt{
		Pid: r.Pid, Reason: r.Reason, Error: firstLines(r.Error, longestError), ExitCode: r.ExitCode, Signal: r.Signal,
		PeakMemory: r.PeakMemory, CPU: r.UserCPU + r.SystemCPU, LastStep: r.LastStep, LogTail: r.LogTail,
		Ended: r.Ended,
	}}
	if r.Reason == enums.ReasonOK {
		ended.Evidence.LogTail = nil // it is in the log, for who wants to know
	}
	ended.Stuck = r.Gone != nil
	if r.Outcome != nil {
		ended.Warnings, ended.Counts = firstWarnings(r.Outcome.Warnings), r.Outcome.Counts
		// It gave up, and not because we asked it to: a service manager ends all
		// of a group at once.
		ended.Excused = r.Reason == enums.ReasonLost && r.Outcome.Reason == enums.ReasonCancelled
	}
	if r.Reason == enums.ReasonLost && r.ExitCode == plugin.ExitIdle {
		ended.Excused = true
	}
	j, err := e.opened(x)
	if r.Gone != nil {
		e.awaitGone(j, x, spec, r.Reason, r.Gone)
	}
	if away := cmp.Or(err, r.OutcomeErr); unseen(r) && (errors.Is(err, engine.ErrDiskFull) || result.Away(r.OutcomeErr)) {
		ended.Unjudged, ended.Evidence.Error = true, "what well "+spec.Well+" left cannot be read: "+firstLines(away.Error(), longestError)
		return ended
	}
	if err != nil {
		e.log.Error("results folder cannot be opened", "execution", x.ID, "error", err)
		if r.Reason != enums.ReasonOK && r.Reason != enums.ReasonCancelled && (said(r) || errors.Is(err, engine.ErrDiskFull)) {
			ended.Waits = engine.HoldDisk
		}
		return ended
	}
	switch {
	case r.Reason == enums.ReasonOK:
		e.spares.ended(r.Ended.Sub(r.Started))
	case e.wantOfRoom(j, r):
		ended.Waits = engine.HoldDisk
	case r.Reason == enums.ReasonInputUnreadable && strings.Contains(r.Error, worker.Away):
		ended.Waits = engine.HoldPlate
	}
	failpoint.Hit("append worker log")
	e.logAttempt(j, x, spec, r)
	failpoint.Hit("attempt finished")
	return ended
}

// unseen tells whether an attempt was judged by there being no outcome, and not by
// what its worker said of it.
func unseen(r process.Result) bool {
	return r.Outcome == nil && r.Gone == nil && !said(r) && (r.Reason == enums.ReasonLost || r.Reason == enums.ReasonOutputInvalid)
}

// said tells whether a worker itself said that its disk or share was at fault.
func said(r process.Result) bool {
	return strings.Contains(r.Error, worker.NoRoom) || strings.Contains(r.Error, worker.Away)
}

// awaitGone gives back what a process holds that cannot be killed, once it has
// gone after all: its slot, and what the attempt left. Its well's lock keeps it
// apart from whoever has the results folder by then.
func (e *edge) awaitGone(j *opening, x engine.Execution, spec process.Spec, reason enums.ExitReason, gone <-chan struct{}) {
	go func() { // ends with the process, which nobody can hurry
		<-gone
		if j != nil && reason != enums.ReasonOK { // else it may be about to be committed, which cleans up
			if err := j.folder.Discard(spec.Well, spec.Attempt); err != nil {
				e.log.Warn("what an attempt left stays", "execution", x.ID, "well", spec.Well, "attempt", spec.Attempt, "error", err)
			}
		}
		e.released(engine.Key{Execution: spec.Execution, Well: spec.Well})
	}()
}

// wantOfRoom tells whether an attempt failed because a disk is full, or cannot
// be written at all: nothing of that is the well's fault.
func (e *edge) wantOfRoom(j *opening, r process.Result) bool {
	switch r.Reason {
	case enums.ReasonCancelled, enums.ReasonUnkillable:
		return false
	case enums.ReasonStartFailed: // logs and sockets need room too
		if !roomFor(string(e.logs.dir)) || !roomFor(filepath.Dir(e.progressPath)) {
			return true
		}
	default:
	}
	// What did not fit was removed again, so that there may be room by now.
	if strings.Contains(r.Error, worker.NoRoom) || !roomFor(j.folder.Path()) || j.folder.Absent() {
		return true
	}
	return strings.Contains(r.Error, worker.Away) && r.Reason != enums.ReasonInputUnreadable // that is the plate's share
}

// discard removes what an attempt left whose end is durable. An error costs
// room, no more: it is told and tried again when the results are merged.
func (e *edge) discard(j *opening, x engine.Execution, well string, attempt int) {
	err := j.folder.Discard(well, attempt)
	if logErr := os.Remove(e.logs.dir.WorkerPath(x.ID, well, attempt)); logErr != nil && !errors.Is(logErr, fs.ErrNotExist) {
		err = errors.Join(err, logErr)
	}
	if err != nil {
		e.log.Warn("what an attempt left stays", "execution", x.ID, "well", well, "attempt", attempt, "error", err)
	}
}

// logAttempt writes the one line per attempt that people read.
func (e *edge) logAttempt(j *opening, x engine.Execution, spec process.Spec, r process.Result) {
	if err := j.log.Append(spec.LogPath, spec.Well, spec.Attempt, e.now()); err != nil {
		e.log.Error("a worker's log is missing in its execution's", "path", spec.LogPath, "error", err)
	}
	level := slog.LevelInfo
	if r.Reason != enums.ReasonOK && r.Reason != enums.ReasonCancelled {
		level = slog.LevelWarn
	}
	j.log.Logger().Log(context.Background(), level, "well ended",
		"execution", x.ID, "plate", x.Plate, "well", spec.Well, "attempt", spec.Attempt, "pid", r.Pid,
		"reason", r.Reason, "error", r.Error, "step", r.LastStep,
		"seconds", r.Ended.Sub(r.Started).Seconds(), "cpu_seconds", (r.UserCPU + r.SystemCPU).Seconds(), "peak_memory", r.PeakMemory)
}
