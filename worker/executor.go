package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Executor does the work of tasks. The zero value of every field but
// Catalogue is usable.
type Executor struct {
	Catalogue *function.Catalogue
	// Report receives progress, in order, one event at a time. It must not
	// block. nil: nobody watches.
	Report func(*progress.Event)
	// Stepped is called when a step begins to work on a stack, with the step's
	// name, perhaps from several goroutines. nil: nobody wants to know.
	Stepped func(step string)
	// Read reads one image. nil: plate.Read.
	Read   func(path string) (*imaging.Plane, error)
	Logger *slog.Logger
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// Step is called ahead of every change to the disk, see result.WithStep.
	Step func(operation, path string) error
}

// Run works on a task until it is done, fails, or ctx ends, and writes tables
// and images below task.Directory, which exists. The outcome it returns always
// has a reason; writing it is the caller's, once nothing can follow.
func (e *Executor) Run(ctx context.Context, task pipeline.Task) result.Outcome {
	x := *e
	if x.Report == nil {
		x.Report = func(*progress.Event) {}
	}
	if x.Stepped == nil {
		x.Stepped = func(string) {}
	}
	if x.Read == nil {
		x.Read = plate.Read
	}
	if x.Logger == nil {
		x.Logger = slog.New(slog.DiscardHandler)
	}
	if x.Now == nil {
		x.Now = time.Now
	}
	task.Threads = max(1, task.Threads)
	r := &run{
		Executor: x,
		task:     &task,
		objects:  newObjects(task.Tables),
		tables:   newRecorder(&task),
	}
	r.progress = newProgress(&task, x.Report)
	outcome := result.Outcome{
		Execution: task.Execution,
		Plate:     task.Plate,
		Well:      task.Well,
		Attempt:   task.Attempt,
		Reason:    enums.ReasonOK,
		Started:   x.Now(),
	}
	err := r.work(ctx)
	outcome.Warnings = append(outcome.Warnings, task.Warnings...)
	outcome.Inputs = r.inputs.list()
	outcome.Read = time.Duration(r.reading.Load())
	outcome.Compute = time.Duration(r.computing.Load())
	outcome.Write = time.Duration(r.writing.Load())
	outcome.Ended = x.Now()
	if err != nil {
		f := failureOf(err)
		outcome.Reason, outcome.Error, outcome.Step, outcome.File = f.Reason, f.Error(), f.Step, f.File
		r.progress.failed(f)
		x.Logger.Error("well failed", "step", f.Step, "reason", string(f.Reason), "error", f.Error())
		return outcome
	}
	outcome.Counts = r.tables.counts()
	r.progress.completed()
	x.Logger.Info("well complete", "objects", outcome.Counts,
		"read", outcome.Read, "compute", outcome.Compute, "write", outcome.Write)
	return outcome
}

// run is one task at work.
type run struct {
	Executor
	task     *pipeline.Task
	objects  *objects
	tables   *recorder
	progress *reporter
	inputs   inputs

	reading, computing, writing atomic.Int64 // nanoseconds, summed over threads
}

func (r *run) work(ctx context.Context) error {
	if err := r.check(); err != nil {
		return &Failure{Reason: enums.ReasonHandshakeMismatch, Err: err}
	}
	r.progress.started()
	planes := startPlanes(r.task)
	for i := range r.task.Segments {
		segment := &r.task.Segments[i]
		if r.task.Steps[segment.First].From == pipeline.PipelineStart {
			planes = startPlanes(r.task)
		}
		last := i+1 == len(r.task.Segments)
		keep := !last && r.task.Steps[segment.Last+1].From != pipeline.PipelineStart
		var err error
		if planes, err = r.segment(ctx, segment, planes, keep); err != nil {
			return err
		}
		r.objects.release(r.task, segment.Last)
	}
	return r.write()
}

// check compares the functions of the task with this process's own.
func (r *run) check() error {
	for _, step := range r.task.Steps {
		for _, branch := range step.Branches {
			for _, call := range branch.Calls {
				own, err := r.Catalogue.Get(call.Function)
				if err != nil {
					return fmt.Errorf("check task: step %s: %w", step.Name, err)
				}
				if own.Version != call.Version {
					return fmt.Errorf("check task: step %s: the task was compiled for version %d of %s, this worker has version %d", step.Name, call.Version, call.Function, own.Version)
				}
				if err := own.CheckParameters(call.Parameters); err != nil {
					return fmt.Errorf("check task: step %s: %w", step.Name, err)
				}
			}
		}
	}
	return nil
}

// since adds the time from start to a counter.
func (r *run) since(counter *atomic.Int64, start time.Time) {
	counter.Add(int64(r.Now().Sub(start)))
}
