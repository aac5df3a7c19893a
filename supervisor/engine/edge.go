package engine

import (
	"context"
	"encoding/json"
	"errors"
)

// Edge carries out what the machine decides. Its methods, except Publish, may
// take as long as they need: each call has a goroutine of its own.
type Edge interface {
	// Compile checks a submission. An error that wraps [ErrInvalidInput] is the
	// submission's fault. One that wraps [ErrDiskFull] or [ErrPlateAway] pauses an
	// execution that an earlier server accepted.
	Compile(ctx context.Context, x Execution) (Compilation, error)
	// Start runs one attempt until nothing of it is left. When ctx ends it stops
	// the process. Of the event it returns, At, Key and Attempt are filled in here.
	Start(ctx context.Context, order Start, report Report) Ended
	// Adopt is Start for an attempt that an earlier server began.
	Adopt(ctx context.Context, order Adopt, report Report) Ended
	// Commit makes an attempt's results part of the plate's. It may be called
	// again for the same attempt. An error that wraps [ErrDiskFull] pauses. When ctx
	// ends nobody wants to wait for a disk any more: it may return such an error.
	Commit(ctx context.Context, x Execution, w Well, attempt int) error
	// Merge writes the plate's tables and images and returns the summary. It may
	// be called again. An error that wraps [ErrDiskFull] pauses; ctx as for Commit.
	Merge(ctx context.Context, x Execution, wells []Well) (json.RawMessage, error)
	// Publish tells the clients; it must not block.
	Publish(c Change)
}

// Report is how a running attempt tells of its progress to the engine.
type Report struct {
	// Spawned returns once it is durable that this process runs the attempt; on
	// an error the process must be ended.
	Spawned func(pid int, process json.RawMessage) error
	// Running tells that the worker has its task.
	Running func()
}

// Journal keeps executions and wells across the life of a server.
type Journal interface {
	// Save makes the documents durable, all or none. When there is no room it
	// blocks until there is, or until ctx ends.
	Save(ctx context.Context, executions []Execution, wells []Well) error
}

// ErrInvalidInput marks what the submitter must mend.
var ErrInvalidInput = errors.New("invalid input")

// ErrDiskFull marks failures for want of room: they pause, they do not fail.
var ErrDiskFull = errors.New("no room on disk")

// ErrPlateAway marks that a plate's folder cannot be reached, as on a share that
// is not mounted yet: an execution that an earlier server accepted waits for it.
var ErrPlateAway = errors.New("the plate cannot be reached")

// WaitsFor is what an error says is waited for: [ErrDiskFull] and [ErrPlateAway] do.
func WaitsFor(err error) Waits {
	switch {
	case errors.Is(err, ErrDiskFull):
		return HoldDisk
	case errors.Is(err, ErrPlateAway):
		return HoldPlate
	}
	return ""
}

// ErrStopped is returned for what was asked of an engine that has ended.
var ErrStopped = errors.New("the engine has stopped")
