package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Start runs one attempt of a well in a process of its own.
func (e *edge) Start(ctx context.Context, order engine.Start, report engine.Report) engine.Ended {
	spec, err := e.spec(ctx, order.Execution, order.Well, order.Attempt)
	if err != nil {
		return failedStart(err)
	}
	r := e.processes.Run(ctx, spec, e.spawned(report))
	return e.finish(order.Execution, spec, r)
}

// Adopt takes over an attempt that an earlier server started: its process when
// it lives, else what it left on disk.
func (e *edge) Adopt(ctx context.Context, order engine.Adopt, report engine.Report) engine.Ended {
	j, err := e.opened(order.Execution)
	if err != nil {
		return failedStart(err)
	}
	spec := e.frame(order.Execution, order.Well, order.Attempt, j)
	if err := e.task(ctx, order.Execution, order.Well, order.Attempt, &spec); err != nil {
		// A worker that has its task needs no other; one that has not will be lost.
		e.log.Warn("an adopted well's task cannot be made again", "execution", spec.Execution, "well", spec.Well, "error", err)
	}
	var record process.Record
	if len(order.Attempt.Process) > 0 {
		if err := json.Unmarshal(order.Attempt.Process, &record); err != nil {
			e.log.Error("the record of a process cannot be read", "execution", spec.Execution, "well", spec.Well, "error", err)
		}
	}
	report.Running()
	r := e.processes.Adopt(ctx, record, spec)
	return e.finish(order.Execution, spec, r)
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
	if _, err := j.folder.Prepare(w.Name, a.Number); err != nil {
		return process.Spec{}, diskFull(err)
	}
	spec := e.frame(x, w, a, j)
	return spec, e.task(ctx, x, w, a, &spec)
}

// frame is the part of a spec that needs no plan.
func (e *edge) frame(x engine.Execution, w engine.Well, a engine.Attempt, j *job) process.Spec {
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
	task, err := j.plan.Task(w.Name)
	if err != nil {
		return err
	}
	settings := j.plan.Settings.Pipeline()
	if settings.Threads > 0 {
		spec.Threads = settings.Threads
	}
	spec.Limits = process.Limits{
		Timeout: settings.Timeout.Std(), Stall: settings.Stall.Std(), Grace: settings.Grace.Std(),
		Memory: a.Memory, OpenFiles: settings.OpenFiles, Processes: settings.Processes,
	}
	task.Execution, task.Attempt, task.Threads = x.ID, a.Number, spec.Threads
	task.Directory, task.Lock = spec.Directory, j.folder.LockPath(w.Name)
	task.ProgressEndpoint = e.progressEndpoint
	if spec.Task, err = e.names.Encode(task); err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	return nil
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
		Evidence: engine.Attempt{Reason: enums.ReasonStartFailed, Error: err.Error()},
		DiskFull: errors.Is(err, engine.ErrDiskFull),
	}
}

// finish turns the evidence of an attempt into the engine's event, folds its
// log into the execution's, and removes what a failed attempt left.
func (e *edge) finish(x engine.Execution, spec process.Spec, r process.Result) engine.Ended {
	ended := engine.Ended{Evidence: engine.Attempt{
		Pid: r.Pid, Reason: r.Reason, Error: r.Error, ExitCode: r.ExitCode, Signal: r.Signal,
		PeakMemory: r.PeakMemory, CPU: r.UserCPU + r.SystemCPU, LastStep: r.LastStep, LogTail: r.LogTail,
	}}
	if r.Gone != nil {
		go func() { // ends with the process, which nobody can hurry
			<-r.Gone
			e.released(engine.Key{Execution: spec.Execution, Well: spec.Well})
		}()
	}
	if r.Outcome != nil {
		ended.Warnings, ended.Counts = r.Outcome.Warnings, r.Outcome.Counts
	}
	j, err := e.opened(x)
	if err != nil {
		e.log.Error("results folder is gone", "execution", x.ID, "error", err)
		return ended
	}
	if r.Reason == enums.ReasonOK {
		e.spares.ended(r.Ended.Sub(r.Started))
	} else {
		ended.DiskFull = r.Reason != enums.ReasonCancelled && !roomFor(j.folder.Path())
		if err := j.folder.Discard(spec.Well, spec.Attempt); err != nil && !errors.Is(err, result.ErrLocked) {
			e.log.Error("a failed attempt's directory stays", "execution", x.ID, "well", spec.Well, "error", err)
		}
	}
	e.logAttempt(j, x, spec, r)
	return ended
}

// logAttempt writes the one line per attempt that people read.
func (e *edge) logAttempt(j *job, x engine.Execution, spec process.Spec, r process.Result) {
	if err := j.log.Fold(spec.LogPath, spec.Well, spec.Attempt, e.now()); err != nil {
		e.log.Error("a worker's log stays where it is", "path", spec.LogPath, "error", err)
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
