package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// job is what the edge holds of an execution that has not ended: its compiled
// plan and its locked results folder, each made when first needed, so that a
// restarted server can commit or merge before it has compiled again.
type job struct {
	submission Submission
	busy       busy
	compiling  sync.Mutex // held while the plate is read, which may hang: the rest goes on

	mu      sync.Mutex // for what follows
	plan    *pipeline.Plan
	facts   *facts // of the plan, or on record from when there was one
	folder  *result.Folder
	log     *executionLog
	dropped bool // what is open is closed, and stays so
}

// jobs are the jobs by execution.
type jobs struct {
	mu    sync.Mutex
	all   map[string]*job
	ended map[string]bool // executions whose job was dropped: it is not made again
}

// errEnded is the error for work on an execution that has ended meanwhile.
var errEnded = errors.New("the execution has ended")

func (j *jobs) get(x engine.Execution) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if known := j.all[x.ID]; known != nil {
		return known, nil
	}
	if j.ended[x.ID] {
		return nil, errEnded
	}
	submission, err := decodeSubmission(x.Request)
	if err != nil {
		return nil, err
	}
	known, err := recorded(x)
	if err != nil {
		return nil, err
	}
	made := &job{submission: submission, facts: known}
	j.all[x.ID] = made
	return made, nil
}

// drop gives up what is held of an execution that has ended. The results folder
// stays locked for as long as somebody is at work in it: what hung and was left to
// itself must not write into what is another execution's by then.
func (j *jobs) drop(id string) error {
	j.mu.Lock()
	known := j.all[id]
	delete(j.all, id)
	j.ended[id] = true
	j.mu.Unlock()
	if known == nil {
		return nil
	}
	known.mu.Lock()
	known.dropped = true
	known.mu.Unlock()
	<-known.busy.settled()
	known.mu.Lock()
	defer known.mu.Unlock()
	var errs []error
	if known.folder != nil {
		errs = append(errs, known.folder.Close())
		known.folder = nil
	}
	if known.log != nil {
		errs = append(errs, known.log.Close())
		known.log = nil
	}
	return errors.Join(errs...)
}

// closePatience is how long closing the files of a job may take when something
// hangs: they may be on the share that does.
const closePatience = 2 * time.Second

// dropIdle gives up the jobs that nobody is at work on: all but those that hang,
// whose locks end with the process.
func (j *jobs) dropIdle() error {
	j.mu.Lock()
	var idle []string
	for id, known := range j.all {
		if known.busy.idle() {
			idle = append(idle, id)
		}
	}
	j.mu.Unlock()
	dropped := make(chan error, len(idle))
	for _, id := range idle {
		go func() { dropped <- j.drop(id) }() // ends, or hangs until the process does
	}
	patience := time.After(closePatience)
	var errs []error
	for range idle {
		select {
		case err := <-dropped:
			errs = append(errs, err)
		case <-patience:
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}

// compiled returns the job's plan, compiling it when it is not there yet.
func (e *edge) compiled(ctx context.Context, x engine.Execution) (*job, error) {
	j, err := e.jobs.get(x)
	if err != nil {
		return nil, err
	}
	j.compiling.Lock()
	defer j.compiling.Unlock()
	if j.compiled() != nil {
		return j, nil
	}
	done := j.busy.with("the plate is being read", e.now())
	defer done()
	plan, err := e.compilePlan(ctx, j.submission)
	if err != nil {
		return nil, plateAway(j.submission.PlatePath, err)
	}
	found, err := e.factsOf(plan)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.facts != nil && j.facts.Configuration != found.Configuration {
		return nil, j.facts.differ(found)
	}
	j.plan, j.facts = plan, &found
	return j, nil
}

// compiled is the plan, nil when there is none yet.
func (j *job) compiled() *pipeline.Plan {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.plan
}

// known are the facts of the plan, nil when there was none yet.
func (j *job) known() *facts {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.facts
}

// over tells that the execution has ended: what is still at work for it may stop.
func (j *job) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// opening is a job with what is open of it, for whoever is at work: should the job
// be dropped meanwhile, what it has is closed but there.
type opening struct {
	*job
	folder *result.Folder
	log    *executionLog
}

// opened returns the job with its results folder locked.
func (e *edge) opened(x engine.Execution) (*opening, error) {
	j, err := e.jobs.get(x)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dropped {
		return nil, errEnded
	}
	if j.folder == nil {
		done := j.busy.with("the results folder is being opened", e.now())
		defer done()
		options := []result.Option{result.WithStep(failpoint.Step())}
		if begun(x) || x.Opened { // it was made when the execution was compiled
			options = append(options, result.WithExisting())
		}
		if j.facts != nil {
			options = append(options, result.WithPlate(j.facts.Plate), result.WithRoot(j.facts.Root), result.WithConfiguration(j.facts.Configuration))
		}
		if j.plan != nil {
			options = append(options, result.WithSpace(roomNeeded(j.plan, j.submission.Out())))
		}
		j.folder, err = result.Open(j.submission.Out(), x.ID, options...)
		if errors.Is(err, result.ErrLocked) && begun(x) {
			who := "another execution was faster after the server before this one ended"
			if strings.Contains(err.Error(), x.ID) {
				who = "the server before this one hangs and still has it" // the kernel does not let it end yet
			}
			err = marked{fmt.Errorf("%s: %w", who, err), engine.ErrDiskFull}
		}
		if err != nil {
			return nil, diskFull(err)
		}
		// What earlier executions left half-done is of no use to anybody.
		left, err := j.folder.Sweep(func(execution, _ string, _ int) bool { return execution == x.ID })
		if err != nil || len(left) > 0 {
			e.log.Warn("attempts of earlier executions stay in the results folder", "execution", x.ID, "alive", left, "error", err)
		}
	}
	if j.log == nil {
		failpoint.Hit("open execution log")
		if j.log, err = e.logs.execution(x.ID, j.submission.PlatePath); err != nil {
			return nil, diskFull(fmt.Errorf("open log: %w", err))
		}
	}
	return &opening{j, j.folder, j.log}, nil
}

// atWork is opened for work that others should know about: until done is called
// the job is not closed.
func (e *edge) atWork(x engine.Execution, what string) (j *opening, done func(), err error) {
	known, err := e.jobs.get(x)
	if err != nil {
		return nil, nil, err
	}
	done = known.busy.with(what, e.now())
	if j, err = e.opened(x); err != nil {
		done()
		return nil, nil, err
	}
	return j, done, nil
}

// begun tells that an execution was compiled before, perhaps by an earlier server.
func begun(x engine.Execution) bool {
	return x.Stage == engine.StageReady || x.Stage == engine.StageRunning || x.Stage == engine.StageMerging
}

// folder returns the execution's locked results folder.
func (e *edge) folder(x engine.Execution) (*result.Folder, error) {
	j, err := e.opened(x)
	if err != nil {
		return nil, err
	}
	return j.folder, nil
}

// failed marks an error of work on the results folder, if the engine is to pause on
// it: diskFull, and where the folder is gone.
func (j *opening) failed(err error) error {
	if errors.Is(err, fs.ErrNotExist) && j.folder.Absent() {
		return marked{fmt.Errorf("%s %w: mount its share, put it back, or cancel", j.folder.Path(), result.ErrAbsent), engine.ErrDiskFull}
	}
	return diskFull(err)
}

// diskFull marks an error for want of room, or of a disk that can be written or
// reached at all, as one the engine pauses on.
func diskFull(err error) error {
	switch {
	case result.NoSpace(err) || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", engine.ErrDiskFull, err)
	case result.Away(err) || errors.Is(err, result.ErrAbsent):
		return marked{err, engine.ErrDiskFull}
	}
	return err
}
