package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
)

// mismatch says that a worker's types or functions are not the server's.
type mismatch struct {
	theirs      plugin.Description
	differences []string
}

func (m *mismatch) Error() string {
	text := "the worker's types differ from the server's: " + strings.Join(m.differences, "; ")
	if len(m.differences) == 0 {
		text = fmt.Sprintf("the worker's fingerprint %.12s differs from the server's", m.theirs.Fingerprint)
	}
	return text + " (use the worker of the server's own version)"
}

// launch gives the attempt a worker that has said hello, agrees about types and
// is held to the limits: a spare if there is one, else a new process.
func (r *Runner) launch(ctx context.Context, a *attempt) (*plugin.Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	failpoint.Hit("open worker log")
	var err error
	if a.record.LogOffset, err = a.openLog(); err != nil {
		return nil, err
	}
	failpoint.Hit("make control group")
	a.group, err = r.groups.create(groupName(a.spec), a.spec.Limits)
	if err != nil {
		return nil, err
	}
	worker := r.spares.take()
	if worker != nil {
		if err := a.confine(worker.Pid()); err != nil {
			r.discard(worker)
			return nil, err
		}
		a.redirected = true
	} else {
		worker, err = r.start(ctx, newMarker(r.prefix, purpose(a.spec)), a.spec.LogPath, a.confine)
		if err != nil {
			return nil, err
		}
	}
	a.pid.Store(int64(worker.Pid()))
	a.record = Record{
		Record: worker.Record(), Execution: a.spec.Execution, Plate: a.spec.Plate, Well: a.spec.Well,
		Attempt: a.spec.Attempt, Directory: a.spec.Directory, LogPath: a.spec.LogPath,
		LogOffset: a.record.LogOffset, Groups: a.group.folders, Started: time.Now().UTC(), Limits: a.spec.Limits,
	}
	return worker, nil
}

// start runs a new worker up to the agreement about types.
func (r *Runner) start(ctx context.Context, marker, logPath string, confine func(pid int) error) (*plugin.Worker, error) {
	children.starting.RLock()
	settle := sync.OnceFunc(children.starting.RUnlock)
	defer settle()
	pid := 0
	began := time.Now()
	failpoint.Hit("start worker")
	worker, err := plugin.Start(ctx, plugin.StartOptions{
		Binary: r.program.name, Image: r.program.image, Args: r.options.Args, Env: r.env, RunDir: r.options.RunDir,
		LogPath: logPath, Marker: marker, Timeout: r.options.StartTimeout,
		KillTimeout: r.options.KillTimeout, Kill: r.options.Kill,
		Prepare: func(process int) error {
			pid = process
			r.addWorker(pid)
			settle()
			failpoint.Hit("worker forked")
			defer failpoint.Hit("worker confined")
			return confine(pid)
		},
	})
	if err != nil {
		var failure *plugin.StartError
		if errors.As(err, &failure) && failure.Gone != nil {
			failure.Gone = r.awaitGone(pid, marker, failure.Gone)
			return nil, err
		}
		r.sweep(pid, marker, group{}, false)
		r.dropWorker(pid)
		return nil, err
	}
	failpoint.Hit("worker said hello")
	within, cancel := context.WithTimeout(ctx, max(time.Second, r.options.StartTimeout-time.Since(began)))
	defer cancel()
	theirs, err := worker.Describe(within, r.options.Fingerprint)
	if err == nil && theirs.Fingerprint != r.options.Fingerprint {
		err = r.disagreement(theirs)
	}
	if err != nil {
		return nil, r.endStarted(worker, marker, err)
	}
	return worker, nil
}

func (r *Runner) differences(theirs plugin.Description) []string {
	var description registry.Description
	if json.Unmarshal(theirs.Registry, &description) != nil {
		return nil
	}
	return registry.Differences(r.options.Description, description)
}

// endStarted ends a worker that is not to be used and completes the error with
// how it ended, for [attempt.startFailed].
func (r *Runner) endStarted(worker *plugin.Worker, marker string, err error) error {
	failure := &plugin.StartError{Err: err, Pid: worker.Pid()}
	// Only a process that ended by itself has something to say by its status.
	select {
	case <-worker.Exited():
		exit := worker.Exit()
		failure.Exit = &exit
	case <-time.After(100 * time.Millisecond):
		if worker.Kill() != nil {
			failure.Gone = r.setAside(worker, marker, group{}, func() {})
			return failure
		}
	}
	r.sweep(worker.Pid(), marker, group{}, false)
	worker.Release()
	r.dropWorker(worker.Pid())
	return failure
}

// discard ends a worker that never had a task.
func (r *Runner) discard(worker *plugin.Worker) {
	if worker.Kill() != nil {
		r.setAside(worker, worker.Record().Marker, group{}, func() {})
		return
	}
	r.sweep(worker.Pid(), worker.Record().Marker, group{}, false)
	worker.Release()
	r.dropWorker(worker.Pid())
}

// setAside watches over a process that cannot be killed; the channel is closed
// when it is gone after all and after was called.
func (r *Runner) setAside(worker *plugin.Worker, marker string, g group, after func()) <-chan struct{} {
	r.log.Error("worker cannot be killed: stuck in the kernel", "pid", worker.Pid())
	gone := make(chan struct{})
	r.tasks.Go(func() {
		select {
		case <-worker.Exited():
			r.sweep(worker.Pid(), marker, g, false)
			after()
			r.removeGroup(g)
			worker.Release()
			r.dropWorker(worker.Pid())
			close(gone)
		case <-r.closing:
			worker.Detach()
		}
	})
	return gone
}

// awaitGone is setAside of a process that got stuck before it said hello, of which
// there is no more than the channel that tells its end.
func (r *Runner) awaitGone(pid int, marker string, exited <-chan struct{}) <-chan struct{} {
	r.log.Error("worker cannot be killed at its start: stuck in the kernel", "pid", pid)
	gone := make(chan struct{})
	r.tasks.Go(func() {
		select {
		case <-exited:
			r.sweep(pid, marker, group{}, false)
			r.removeGroup(group{}) // its own was held until now
			r.dropWorker(pid)
			close(gone)
		case <-r.closing:
		}
	})
	return gone
}

// confine holds the attempt's process to its limits.
func (a *attempt) confine(pid int) error {
	if err := a.group.add(pid); err != nil {
		return err
	}
	return setLimits(pid, a.spec.Limits)
}

// openLog makes sure that there is a log and returns where the attempt's part
// begins.
func (a *attempt) openLog() (int64, error) {
	if err := os.MkdirAll(filepath.Dir(a.spec.LogPath), 0o700); err != nil {
		return 0, fmt.Errorf("make log directory: %w", err)
	}
	file, err := os.OpenFile(a.spec.LogPath, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open worker log: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("open worker log: %w", err)
	}
	return info.Size(), nil
}

func groupName(spec Spec) string {
	marker := newMarker("", spec.Well)
	return strings.ReplaceAll(marker, "/", "-")
}
