package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// pingPatience is how long a worker may take to answer a ping: long enough for
// a machine that is busy beyond reason.
const pingPatience = 5 * time.Second

// attempt is one attempt under way. Its fields belong to the goroutine of Run,
// except for the heartbeat, pid and memory.
type attempt struct {
	runner    *Runner
	spec      Spec
	log       *slog.Logger
	record    Record
	group     group
	began     time.Time
	adopted   bool
	oomBefore int
	// redirected: the worker was a spare and is yet to be told its log.
	redirected bool
	// idle: an adopted worker had no task yet.
	idle bool

	noting atomic.Bool // shared memory is being noted
	beat   heartbeat
	pid    atomic.Int64
	memory atomic.Int64 // at the last look, in bytes; 0 before

	hurry   chan struct{} // closed when a stop is to be a kill
	hurried sync.Once

	stopped cause
	detail  string
	replied *plugin.Reply
	callErr error
	peak    int64 // at the looks
	files   int64
	hangUp  func() // gives up the call and takes a reply that came late
}

// hasten makes the stop that is under way, or comes, a kill.
func (a *attempt) hasten() { a.hurried.Do(func() { close(a.hurry) }) }

func (a *attempt) progress(step string) {
	a.beat.at.Store(int64(time.Since(a.began)))
	if step != "" {
		a.beat.step.Store(&step)
	}
}

// silence is how long there was no progress.
func (a *attempt) silence() time.Duration {
	return time.Since(a.began) - time.Duration(a.beat.at.Load())
}

// supervise gives the worker its task and sees the attempt to its end.
func (a *attempt) supervise(ctx context.Context, worker *plugin.Worker) Result {
	a.pid.Store(int64(worker.Pid()))
	failpoint.Hit("give task")
	watch := a.watch(worker)
	a.await(ctx, worker, watch.over)
	failpoint.Hit("task answered")
	err := a.finish(worker)
	failpoint.Hit("worker ended")
	watch.stop()
	a.peak, a.files = watch.peak, watch.files
	if err != nil {
		return a.unkillable(worker)
	}
	return a.conclude(worker)
}

// await returns when the worker has answered or exited, or is to be stopped;
// a.stopped says which.
func (a *attempt) await(ctx context.Context, worker *plugin.Worker, over <-chan excess) {
	calling, hangUp := context.WithCancel(context.Background())
	type answer struct {
		reply plugin.Reply
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		reply, err := worker.Execute(calling, a.request())
		answers <- answer{reply, err}
	}()
	// The reply may still come while the worker is being stopped, so the call is
	// given up only in finish's wake, when the process is gone or past help.
	a.hangUp = func() {
		hangUp()
		if got := <-answers; got.err == nil {
			a.replied = &got.reply
		} else if a.callErr == nil {
			a.callErr = got.err
		}
	}
	a.progress("")
	timeout := newAlarm(a.spec.Limits.Timeout - a.head())
	defer timeout.Stop()
	patience := min(pingPatience, a.spec.Limits.Stall/2)
	stall := newAlarm(a.spec.Limits.Stall - patience)
	defer stall.Stop()
	if a.spec.Limits.Timeout <= 0 {
		timeout.Stop()
	}
	if a.spec.Limits.Stall <= 0 {
		stall.Stop()
	}
	var pinged chan error
	for {
		select {
		case got := <-answers:
			answers <- got // for hangUp
			if got.err == nil {
				a.stopped = afterReply
				return
			}
			a.callErr = got.err
			select { // the usual cause
			case <-worker.Exited():
			case <-time.After(time.Second):
				a.stopped = afterBadReply
			}
			return
		case <-worker.Exited():
			return
		case <-ctx.Done():
			a.stopped = byCancel
			return
		case <-timeout.C:
			a.stopped = byTimeout
			return
		case excess := <-over:
			a.stopped, a.detail = excess.cause, excess.text
			return
		case <-stall.C:
			if quiet := a.silence(); quiet < a.spec.Limits.Stall-patience {
				stall.Reset(a.spec.Limits.Stall - patience - quiet)
				continue
			}
			pinged = make(chan error, 1)
			go func() {
				within, cancel := context.WithTimeout(calling, patience)
				defer cancel()
				pinged <- worker.Ping(within)
			}()
		case err := <-pinged:
			pinged = nil
			if err != nil && a.silence() >= patience {
				a.stopped = byStall
				return
			}
			stall.Reset(a.spec.Limits.Stall - patience)
		}
	}
}

// head is how much of the timeout was spent before this server took over.
func (a *attempt) head() time.Duration {
	if !a.adopted || a.idle {
		return 0
	}
	return min(max(0, time.Since(a.began)), a.spec.Limits.Timeout)
}

func newAlarm(d time.Duration) *time.Timer { return time.NewTimer(max(0, d)) }

func (a *attempt) request() plugin.Request {
	request := plugin.Request{
		Execution: a.spec.Execution, Plate: a.spec.Plate, Well: a.spec.Well, Attempt: a.spec.Attempt,
		Task: a.spec.Task, Threads: a.spec.Threads, Memory: a.spec.Limits.Memory / 10 * 9,
	}
	if a.redirected {
		request.Log = a.spec.LogPath
	}
	return request
}

// finish ends the process in the way that fits why it is to end.
func (a *attempt) finish(worker *plugin.Worker) error {
	defer a.hangUp()
	if a.stopped != notStopped && measureAlone(worker.Pid()).shared > 0 {
		a.noteShared(worker.Pid())
	}
	grace := a.spec.Limits.Grace
	switch a.stopped {
	case notStopped:
		return nil // it has exited
	case byMemory, byProcesses:
		a.log.Warn("kill worker", "pid", worker.Pid(), "cause", a.detail)
		return worker.Kill()
	case afterReply:
	default:
		a.log.Info("stop worker", "pid", worker.Pid(), "cause", string(a.stopped))
	}
	return worker.End(string(a.stopped), grace, a.hurry)
}

// conclude sweeps, gathers the evidence and judges. worker is nil when there
// was none to reattach.
func (a *attempt) conclude(worker *plugin.Worker) Result {
	r := a.runner
	found := a.evidence()
	marker, pid := a.record.Marker, a.record.Pid
	if worker != nil {
		found.Exit = worker.Exit()
		if found.Replied == nil {
			// The looks may have missed its last moments. The kernel's figure
			// counts pages of files, too: most were there at the last look.
			found.Peak = max(found.Peak, found.Exit.PeakResident-a.files)
		}
	} else {
		found.Exit.Code = -1
	}
	found.KernelOOM, found.Refused = a.group.oomKills(), a.group.refusals()
	if !found.Exit.Known {
		found.Exit.Code = -1
	}
	if !r.sweep(a.leader(worker), marker, a.group, a.adopted) {
		a.log.Error("descendants of a worker do not end", "pid", pid)
	}
	failpoint.Hit("worker swept")
	r.removeGroup(a.group)
	r.reapUnknown()
	if worker != nil {
		worker.Release()
		r.dropWorker(pid)
	}
	// Nothing of it is left but files, on a disk that may hang.
	if a.spec.Concluding != nil {
		a.spec.Concluding()
	}
	found.Outcome, found.OutcomeErr = a.readOutcome()
	a.removeTemporary()
	defer failpoint.Hit("attempt judged")
	out := a.judge(found)
	if !found.Exit.Known && found.Outcome != nil {
		out.Unseen(found.Outcome)
	}
	return out
}

// filesPatience is how long files of an attempt may keep what must not wait for
// a disk that hangs.
const filesPatience = time.Second

// noteShared writes down what shared memory the worker and its descendants have,
// which costs more to ask than whether they have any.
func (a *attempt) noteShared(pid int) {
	if !a.noting.CompareAndSwap(false, true) {
		return // the one before hangs
	}
	noted := make(chan struct{})
	go func() { // ends when the disk answers
		defer close(noted)
		defer a.noting.Store(false)
		if err := result.NoteShared(a.spec.Directory, a.began, append(descendants(pid), pid)...); err != nil {
			a.log.Warn("shared memory of a worker may stay", "error", err)
		}
	}()
	select {
	case <-noted:
	case <-time.After(filesPatience):
	}
}

// removeTemporary removes the worker's temporary files and shared memory, when
// nobody is left to use them.
func (a *attempt) removeTemporary() {
	if a.spec.Directory == "" {
		return
	}
	if err := result.RemoveTemporary(a.spec.Directory); err != nil {
		a.log.Warn("temporary files of a worker stay", "error", err) // until the results folder is swept
	}
}

// leader is the process group that may be looked for: after an adoption the
// number may have gone to others, and the marker alone decides.
func (a *attempt) leader(worker *plugin.Worker) int {
	if worker == nil || a.adopted {
		return 0
	}
	return worker.Pid()
}

// evidence of the server's side; the outcome is read later.
func (a *attempt) evidence() evidence {
	e := evidence{
		Stopped: a.stopped, Detail: a.detail, Limits: a.spec.Limits, Replied: a.replied, CallErr: a.callErr,
		Peak: a.peak,
	}
	if a.replied != nil {
		e.Peak = max(e.Peak, a.replied.PeakMemory)
	} else {
		e.SystemOOM = systemOOMKills() - a.oomBefore
	}
	return e
}

// readOutcome accepts the outcome file of this very attempt only.
func (a *attempt) readOutcome() (*result.Outcome, error) {
	if a.spec.Directory == "" {
		return nil, fs.ErrNotExist
	}
	outcome, err := result.ReadOutcome(a.spec.Directory)
	if err != nil {
		return nil, err
	}
	if outcome.Execution != a.spec.Execution || outcome.Well != a.spec.Well || outcome.Attempt != a.spec.Attempt {
		return nil, fmt.Errorf("%w: %s holds the outcome of execution %s, well %s, attempt %d", result.ErrInvalid,
			a.spec.Directory, outcome.Execution, outcome.Well, outcome.Attempt)
	}
	return &outcome, nil
}

func (a *attempt) judge(e evidence) Result {
	log := readTail(a.spec.LogPath, a.record.LogOffset)
	var begin int
	e.Crash, begin = parseCrash(log)
	reason, text := classify(e)
	crashed := e.lastWords() != noCrash && begin < len(log)
	if crashed {
		log = log[begin:]
	}
	out := Result{
		Reason: reason, Error: text, Pid: a.record.Pid, ExitCode: e.Exit.Code, PeakMemory: e.Peak,
		UserCPU: e.Exit.UserCPU, SystemCPU: e.Exit.SystemCPU, Started: a.began.UTC(), Ended: e.Exit.At.UTC(),
		LogTail: cleanLines(log, crashed), Outcome: e.Outcome, OutcomeErr: e.OutcomeErr,
	}
	if e.Exit.At.IsZero() {
		out.Ended = time.Now().UTC()
	}
	switch {
	case e.Exit.Signal != 0:
		out.Signal = plugin.SignalName(e.Exit.Signal)
	case crashed && e.Crash.signal != 0:
		out.Signal = plugin.SignalName(e.Crash.signal)
	}
	// The worker's own trail is exact; progress may have been lost.
	if out.LastStep = result.ReadTrail(a.spec.Directory); out.LastStep == "" && e.Outcome != nil {
		out.LastStep = e.Outcome.Step
	}
	if step := a.beat.step.Load(); step != nil && out.LastStep == "" {
		out.LastStep = *step
	}
	return out
}

// tell logs how the attempt ended.
func (a *attempt) tell(r Result) {
	level := slog.LevelDebug // the execution's own log tells people
	if r.Reason != enums.ReasonOK {
		level = slog.LevelWarn
	}
	a.log.Log(context.Background(), level, "attempt ended",
		"reason", string(r.Reason), "error", r.Error, "pid", r.Pid, "exit", r.ExitCode, "signal", r.Signal)
}

// unkillable ends the attempt while its process stays. Where it hangs, its files
// may hang too: then there is no more evidence than that.
func (a *attempt) unkillable(worker *plugin.Worker) Result {
	e := a.evidence()
	e.Exit.Code = -1
	judged := make(chan Result, 1)
	go func() { // ends when the disk answers
		e.Outcome, e.OutcomeErr = a.readOutcome()
		judged <- a.judge(e)
	}()
	out := Result{Pid: a.record.Pid, ExitCode: -1, PeakMemory: a.peak, Started: a.began.UTC(), Ended: time.Now().UTC()}
	select {
	case out = <-judged:
	case <-time.After(filesPatience):
	}
	if out.Reason != enums.ReasonOK || a.stopped == byCancel {
		out.Reason = enums.ReasonUnkillable
		out.Error = fmt.Sprintf("process %d cannot be killed: it is stuck in the kernel", worker.Pid())
		if a.stopped != afterReply {
			out.Error += fmt.Sprintf(" (it was to end because: %s)", a.stopped)
		}
	}
	out.Gone = a.runner.setAside(worker, a.record.Marker, a.group, a.removeTemporary)
	return out
}

// startFailed is the result when no worker came to its task.
func (a *attempt) startFailed(ctx context.Context, err error) Result {
	defer a.runner.removeGroup(a.group)
	e := evidence{Limits: a.spec.Limits, OutcomeErr: fs.ErrNotExist, KernelOOM: a.group.oomKills(), Refused: a.group.refusals()}
	e.Exit.Code = -1
	var failure *plugin.StartError
	var gone <-chan struct{}
	if errors.As(err, &failure) {
		a.record.Pid, gone = failure.Pid, failure.Gone
		if failure.Exit != nil {
			e.Exit = *failure.Exit
		}
	}
	if a.spec.Concluding != nil {
		a.spec.Concluding()
	}
	out := a.judge(e)
	killedForMemory := out.Error // if it was
	out.Reason, out.Error, out.Gone = enums.ReasonStartFailed, err.Error(), gone
	var differs *mismatch
	switch {
	case ctx.Err() != nil:
		out.Reason, out.Error = enums.ReasonCancelled, "cancelled before it had started"
	case errors.As(err, &differs):
		out.Reason, out.Error, out.Differences = enums.ReasonHandshakeMismatch, differs.Error(), differs.differences
	case gone != nil:
		out.Reason = enums.ReasonUnkillable
	case e.KernelOOM > 0: // says something about the well's limit, not about the machine
		out.Reason, out.Error = enums.ReasonOutOfMemory, killedForMemory+": "+err.Error()
	case len(out.LogTail) > 0:
		out.Error += ": " + strings.TrimSpace(out.LogTail[0])
	}
	if out.Reason == enums.ReasonStartFailed {
		out.Error += processLimit(e)
	}
	return out
}

// abandon ends a worker that has not got its task.
func (a *attempt) abandon(ctx context.Context, worker *plugin.Worker, err error) Result {
	a.hangUp = func() {}
	if worker.Kill() != nil {
		a.stopped, a.detail = byCancel, err.Error()
		return a.unkillable(worker)
	}
	out := a.conclude(worker)
	out.Reason, out.Error = enums.ReasonStartFailed, err.Error()
	if ctx.Err() != nil {
		out.Reason, out.Error = enums.ReasonCancelled, "cancelled before it had its task"
	}
	return out
}

// taskless ends an adopted worker that was never given its task and cannot be now.
// Nothing is lost with it, and nothing is wrong with the well.
func (a *attempt) taskless(ctx context.Context, worker *plugin.Worker, err error) Result {
	out := a.abandon(ctx, worker, err)
	if ctx.Err() == nil && out.Gone == nil {
		out.Reason, out.Error = enums.ReasonLost, "the server ended before the worker had its task: "+err.Error()
	}
	return out
}
