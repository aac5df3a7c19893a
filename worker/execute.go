package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Execute implements plugin.Implementation: the one task of the process.
func (w *implementation) Execute(ctx context.Context, request plugin.Request) plugin.Reply {
	task, err := w.task(request)
	if err != nil {
		return refuse(enums.ReasonHandshakeMismatch, err)
	}
	log := w.log.With("execution", task.Execution, "plate", task.Plate, "well", task.Well, "attempt", task.Attempt)
	if err := w.level.UnmarshalText([]byte(task.LogLevel)); err != nil {
		w.level.Set(slog.LevelInfo)
	}
	// Two workers of one well would write over each other: whoever comes second
	// leaves without touching anything, the outcome of the first included.
	lock, err := result.TryLock(task.Lock, fmt.Sprintf("execution %s, attempt %d, process %d", task.Execution, task.Attempt, os.Getpid()))
	if err != nil {
		if errors.Is(err, result.ErrLocked) {
			err = fmt.Errorf("well %s has a worker already: %w", task.Well, err)
		}
		log.Error("worker refuses its task", "error", err)
		return refuse(enums.ReasonStartFailed, orNoRoom(err))
	}
	w.lock = lock
	if err := os.MkdirAll(task.Directory, 0o755); err != nil {
		return refuse(enums.ReasonStartFailed, fmt.Errorf("create attempt folder: %w", orNoRoom(err)))
	}
	if err := useTemporary(result.TemporaryDir(task.Directory)); err != nil {
		return refuse(enums.ReasonStartFailed, fmt.Errorf("create folder for temporary files: %w", orNoRoom(err)))
	}

	began := time.Now()
	executor := Executor{Catalogue: w.catalogue, Logger: log, Step: w.step, Read: w.read}
	if task.ProgressEndpoint != "" {
		pusher, err := progress.NewPusher(task.ProgressEndpoint)
		if err != nil {
			log.Warn("nobody will see progress", "error", err)
		} else {
			defer pusher.Close() // before the reply, so that it does not overtake the last event
			executor.Report = pusher.Send
		}
	}
	log.Debug("well starts", "images", len(task.Images), "steps", len(task.Steps), "threads", task.Threads)
	trail := result.NewTrail(task.Directory)
	executor.Stepped = trail.Note
	outcome := executor.Run(ctx, task)
	outcome.Step = cmp.Or(outcome.Step, trail.Last())
	trail.Remove()
	outcome.UserCPU, outcome.SystemCPU = usedCPU()
	outcome.PeakMemory = plugin.PeakMemory()
	if err := result.WriteOutcome(task.Directory, outcome, result.WithStep(w.step)); err != nil {
		f := writeFailed("", err)
		log.Error("outcome cannot be written", "error", f)
		return refuse(f.Reason, f)
	}
	// Nothing more is written that counts: should this process be stuck in the
	// kernel from here on, its results can be committed all the same.
	if err := lock.Release(); err != nil {
		log.Warn("well stays locked until the worker is gone", "error", err)
	}
	if err := result.NoteShared(task.Directory, began, os.Getpid()); err != nil {
		log.Warn("shared memory may stay", "error", err)
	}
	return plugin.Reply{Reason: outcome.Reason, Error: outcome.Error}
}

// useTemporary makes this process and its children put temporary files where the
// server removes them, however they end.
func useTemporary(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Setenv("TMPDIR", dir)
}

func (w *implementation) read(path string) (*imaging.Plane, error) {
	p, err := plate.Read(path)
	if err == nil && len(p.Pix) >= smallPlane {
		w.collect()
	}
	return p, err
}

// task decodes the task and holds it against the request it came with.
func (w *implementation) task(request plugin.Request) (pipeline.Task, error) {
	task, err := registry.DecodeAs[pipeline.Task](w.names, request.Task)
	if err != nil {
		return pipeline.Task{}, fmt.Errorf("decode task: %w", err)
	}
	if task.Execution != request.Execution || task.Well != request.Well || task.Attempt != request.Attempt {
		return pipeline.Task{}, fmt.Errorf("task is for execution %s, well %s, attempt %d, the request for %s, %s, %d",
			task.Execution, task.Well, task.Attempt, request.Execution, request.Well, request.Attempt)
	}
	if request.Threads > 0 {
		task.Threads = request.Threads
	}
	return task, nil
}

func refuse(reason enums.ExitReason, err error) plugin.Reply {
	return plugin.Reply{Reason: reason, Error: err.Error()}
}
