package plugin

import (
	"context"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin/workerpb"
)

// Implementation is what a worker process does.
type Implementation interface {
	// Describe is asked before the task, to compare builds. When fingerprint,
	// the server's, is the worker's own as well, Registry may be left out.
	Describe(fingerprint string) Description
	// Execute works on the task until it is done or ctx ends (the server asked
	// to stop, the process was terminated, or the server is gone for good). It
	// is called at most once per process. What it finds out belongs in the
	// outcome file; the reply only repeats how it ended.
	Execute(ctx context.Context, request Request) Reply
}

// Description is what a worker's binary can do.
type Description struct {
	Version     string
	Fingerprint string
	// Registry is the JSON of registry.Description. The server receives it only
	// when the fingerprints differ, to name the differences.
	Registry  []byte
	Functions []string
}

// Request is the one task of a worker.
type Request struct {
	Execution, Plate, Well string
	Attempt                int
	Task                   []byte // as the registry encodes it
	Threads                int    // 0 = as the process was started
	Memory                 int64  // soft limit in bytes, 0 = none
	Log                    string // where the worker logs from now on; "" = where it does
}

// Reply says how a task ended, as far as the worker knows.
type Reply struct {
	Reason     enums.ExitReason
	Error      string
	PeakMemory int64 // bytes, 0 = unknown
}

// State of a worker: it goes from idle over executing to finished, once.
type State string

// The members of [State].
const (
	Idle      State = "idle"
	Executing State = "executing"
	Finished  State = "finished"
)

func (s State) wire() workerpb.State {
	switch s {
	case Idle:
		return workerpb.State_STATE_IDLE
	case Executing:
		return workerpb.State_STATE_EXECUTING
	case Finished:
		return workerpb.State_STATE_FINISHED
	}
	return workerpb.State_STATE_UNSPECIFIED
}

func stateOf(s workerpb.State) State {
	switch s {
	case workerpb.State_STATE_IDLE:
		return Idle
	case workerpb.State_STATE_EXECUTING:
		return Executing
	case workerpb.State_STATE_FINISHED:
		return Finished
	default:
		return ""
	}
}

// Identity is what a worker says it is.
type Identity struct {
	Pid             int
	Marker          string
	Execution, Well string
	Attempt         int
	State           State
}
