package process

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// cause is what the server did to a worker, if anything.
type cause string

const (
	notStopped    cause = ""
	byCancel      cause = "cancelled"
	byTimeout     cause = "timeout"
	byStall       cause = "stalled"
	byMemory      cause = "memory"
	byProcesses   cause = "processes"
	afterReply    cause = "done"     // it answered; ending it is routine
	afterBadReply cause = "no reply" // the call failed while the process lived
)

// evidence is all that is known about the end of an attempt.
type evidence struct {
	// Stopped says why the server ended the worker, and Detail adds a sentence.
	Stopped cause
	Detail  string
	Limits  Limits
	// Replied is the worker's reply; nil when there was none.
	Replied *plugin.Reply
	// CallErr is how the call failed if there was no reply.
	CallErr error
	Exit    plugin.Exit
	// Outcome is the verified outcome file of this very attempt; OutcomeErr why
	// there is none.
	Outcome    *result.Outcome
	OutcomeErr error
	Crash      crash
	// KernelOOM counts out-of-memory kills in the attempt's control group.
	KernelOOM int
	// SystemOOM counts those of the whole machine during the attempt.
	SystemOOM int
	// Refused counts processes and threads that the attempt's control group was
	// refused for being at its limit.
	Refused int
	Peak    int64 // bytes
}

// classify names how an attempt ended, in one reason and one sentence. In order:
//
//  1. cancelled, when the server stopped it for that.
//  2. The outcome file, when it is valid and the worker was not stopped; a
//     valid "ok" counts however the process ended after it. An outcome that
//     the worker wrote because it was stopped does not hide why, one that says
//     cancelled when the server did not cancel is a lost attempt, and a function
//     that failed when the kernel killed a child of its worker for memory is out
//     of memory, as it is where the kernel kills the whole group.
//  3. timeout, stalled, out_of_memory, when the server stopped it for that.
//  4. out_of_memory: the kernel's counter, the Go runtime's last words, or a
//     SIGKILL of nobody's with the peak at the limit or, of a large process, an
//     out-of-memory kill somewhere on the machine.
//  5. A reply of the worker that names another reason than ok.
//  6. panic and signal, by the runtime's last words and the wait status; an
//     exit code other than 0 without an outcome is a panic too: the work ended
//     the process by itself.
//  7. output_invalid, when the worker said ok (by reply or exit code 0) and the
//     outcome is missing or damaged.
//  8. lost: nothing is known.
func classify(e evidence) (enums.ExitReason, string) {
	if e.Stopped == byCancel {
		return enums.ReasonCancelled, "cancelled"
	}
	stopped := e.Stopped != notStopped && e.Stopped != afterReply && e.Stopped != afterBadReply
	switch o := e.Outcome; {
	case o == nil:
	case o.Reason == enums.ReasonCancelled && !stopped:
		return enums.ReasonLost, "the worker gave up unasked: its server was gone, or someone else told it to"
	case o.Reason == enums.ReasonFunctionError && !stopped && e.KernelOOM > 0:
		return enums.ReasonOutOfMemory, outOfMemory(e) + ": " + o.Error
	case o.Reason == enums.ReasonFunctionError && !stopped:
		return o.Reason, o.Error + processLimit(e)
	case o.Reason == enums.ReasonOK || !stopped:
		return o.Reason, o.Error
	}
	switch e.Stopped {
	case byTimeout:
		return enums.ReasonTimeout, fmt.Sprintf("not done after %s", e.Limits.Timeout)
	case byStall:
		return enums.ReasonStalled, fmt.Sprintf("no progress for %s and no answer to a ping", e.Limits.Stall)
	case byMemory:
		return enums.ReasonOutOfMemory, e.Detail
	case byProcesses:
		return enums.ReasonSignal, e.Detail
	default: // the worker's own end tells
	}
	if text := outOfMemory(e); text != "" {
		return enums.ReasonOutOfMemory, text
	}
	if e.Replied != nil && e.Replied.Reason != enums.ReasonOK {
		return e.Replied.Reason, e.Replied.Error
	}
	if e.Replied == nil {
		if reason, text := ended(e); reason != "" {
			return reason, text
		}
	}
	if e.OutcomeErr != nil && !errors.Is(e.OutcomeErr, fs.ErrNotExist) {
		return enums.ReasonOutputInvalid, e.OutcomeErr.Error()
	}
	if e.Replied != nil || e.Exit.Known {
		return enums.ReasonOutputInvalid, "the worker ended normally and left no outcome"
	}
	return enums.ReasonLost, "the worker ended unseen and left no outcome"
}

// ended classifies a process that ended without a word over RPC.
func ended(e evidence) (enums.ExitReason, string) {
	switch kind := e.lastWords(); {
	case kind == crashPanic, kind == crashThread:
		return enums.ReasonPanic, e.Crash.message + processLimit(e)
	case kind == crashSignal:
		return enums.ReasonSignal, e.Crash.message + processLimit(e)
	case !e.Exit.Known:
		return "", ""
	case e.Stopped == afterBadReply && e.CallErr != nil:
		return enums.ReasonLost, "the worker lives but the call failed: " + e.CallErr.Error()
	case e.Exit.Signal != 0:
		return enums.ReasonSignal, "ended by " + plugin.SignalName(e.Exit.Signal)
	case e.Exit.Code == plugin.ExitIdle:
		return enums.ReasonLost, "the worker was told to end before it had its task"
	case e.Exit.Code == plugin.ExitOrphaned:
		return enums.ReasonLost, "the worker gave up because its server was gone"
	case e.Exit.Code != 0:
		return enums.ReasonPanic, fmt.Sprintf("the process ended itself with exit code %d", e.Exit.Code)
	}
	return "", ""
}

// lastWords is what the log says of the process's end, if the wait status does
// not contradict it: the runtime exits with code 2, or raises the signal when
// GOTRACEBACK is "crash".
func (e evidence) lastWords() crashKind {
	if e.Exit.Known && e.Exit.Code != 2 && (e.Exit.Signal == 0 || e.Exit.Signal == syscall.SIGKILL) {
		return noCrash
	}
	return e.Crash.kind
}

// victim is the size, in bytes, from which a process may be what the kernel
// picks when memory runs out somewhere on the machine: it picks large ones, and
// the count includes groups that are none of ours.
const victim = 64 << 20

func outOfMemory(e evidence) string {
	limit := "no limit was set"
	if e.Limits.Memory > 0 {
		limit = fmt.Sprintf("limit %s", mebibytes(e.Limits.Memory))
	}
	switch killed := e.Exit.Signal == syscall.SIGKILL; {
	case e.KernelOOM > 0:
		return fmt.Sprintf("killed by the kernel for memory (%s)", limit)
	case e.lastWords() == crashMemory && e.Replied == nil,
		e.lastWords() == crashThread && e.Replied == nil && e.Limits.Memory > 0 && e.Refused == 0:
		return fmt.Sprintf("%s (%s)", e.Crash.message, limit)
	case killed && e.Limits.Memory > 0 && e.Peak >= e.Limits.Memory/10*9:
		return fmt.Sprintf("killed at a peak of %s (%s)", mebibytes(e.Peak), limit)
	case killed && e.SystemOOM > 0 && e.Peak >= victim:
		return fmt.Sprintf("killed while the machine was out of memory, at a peak of %s (%s)", mebibytes(e.Peak), limit)
	}
	return ""
}

// processLimit says that the attempt was at its limit of processes, if it was.
func processLimit(e evidence) string {
	if e.Refused == 0 || e.Limits.Processes <= 0 {
		return ""
	}
	return fmt.Sprintf(" (reached its limit of %d processes and threads)", e.Limits.Processes)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<19)>>20) }
