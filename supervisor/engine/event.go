package engine

import (
	"encoding/json"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Event is something that happened. Events carry their time, so that the
// machine needs no clock.
type Event interface{ at() time.Time }

// At is the time of an event; embed it.
type At struct{ Time time.Time }

func (a At) at() time.Time { return a.Time }

// Waits is what something failed for that is likely to come back, and that the
// execution therefore waits for: [HoldDisk], [HoldPlate] or nothing.
type Waits = HoldCause

// Submitted: a client handed in an execution.
type Submitted struct {
	At
	Execution Execution
}

// Compiled: everything about every well was checked.
type Compiled struct {
	At
	ID string
	Compilation
}

// Compilation is what compiling found out about an execution.
type Compilation struct {
	Wells   []CompiledWell
	Workers int   // wells at once; 0 = as many as the server allows
	Retries int   // further attempts after the first
	Memory  int64 // hard limit per well in bytes; 0 = none
	Plan    json.RawMessage
}

// CompiledWell is what the engine needs to know of a compiled well.
type CompiledWell struct {
	Name     string
	Cost     float64 // expected work, any unit
	Estimate int64   // expected peak memory in bytes
	Origin   Origin
	Warnings []string
	Reused   bool           // a finished result of an earlier run is valid and kept
	Counts   map[string]int // of the reused result
}

// CompileFailed: the submission cannot run. Code is "invalid_input" when the
// submission is at fault. One that Waits pauses an execution that was accepted
// before the server was restarted.
type CompileFailed struct {
	At
	ID, Error, Code string
	Waits           Waits
}

// Spawned: a process exists for the attempt; Process is what finds it again.
type Spawned struct {
	At
	Key     Key
	Attempt int
	Pid     int
	Process json.RawMessage
}

// Running: the worker answered the handshake and has its task.
type Running struct {
	At
	Key     Key
	Attempt int
}

// Ended: the attempt is over and nothing of its process is left, unless Reason
// is unkillable or it is Stuck.
type Ended struct {
	At
	Key      Key
	Attempt  int
	Evidence Attempt // Reason, Error, ExitCode … ; Number and Started are ignored
	Warnings []string
	Counts   map[string]int
	// Waits: it failed for want of this, which is not its own fault. That of a plate is,
	// when it happens time and again.
	Waits Waits
	// Unjudged: its process is gone, and what it left cannot be read for now. The
	// attempt stays as it is, and is adopted again when the disk answers.
	Unjudged bool
	Excused  bool // it was lost with its server: not its own fault
	Stuck    bool // its process stays for now, whatever the reason says; Released follows
}

// Committed: the attempt's results were made part of the plate's, or Error says why not.
type Committed struct {
	At
	Key     Key
	Attempt int
	Error   string
	Waits   Waits
}

// Merged: the plate's tables and images are written, or Error says why not.
type Merged struct {
	At
	ID      string
	Summary json.RawMessage
	Error   string
	Waits   Waits
}

// CancelAsked: a client wants this execution to end. An empty ID means all.
type CancelAsked struct {
	At
	ID string
}

// Released: a process set aside as unkillable has gone after all.
type Released struct {
	At
	Key Key
}

// Tick: time has passed; something may be due.
type Tick struct{ At }

// MemorySampled tells how much memory is free and how much the workers hold, in bytes.
type MemorySampled struct {
	At
	Available, Used int64
}

// Draining: the server is about to stop. No further well is started; running
// ones end by themselves or, with Stop, are ended and go back to the queue.
type Draining struct {
	At
	Stop bool
}

// Effect is something the edge must do. Effects of one event are carried out
// in order, after everything the event changed is durable.
type Effect interface{ effect() }

// Compile: check the submission and report Compiled or CompileFailed.
type Compile struct{ Execution Execution }

// Start: run one attempt of a well and report Spawned, Running and Ended.
type Start struct {
	Execution Execution
	Well      Well
	Attempt   Attempt
}

// Adopt: take over an attempt that an earlier server started. Process may be
// empty: the server died between intent and record.
type Adopt struct {
	Execution Execution
	Well      Well
	Attempt   Attempt
}

// Stop: end the attempt's process, or do not wait for ever for its commit or, without
// a well and attempt, for the merge. What was under way is reported as ever.
type Stop struct {
	Key     Key
	Attempt int
}

// Commit: make the attempt's results part of the plate's and report Committed.
type Commit struct {
	Execution Execution
	Well      Well
	Attempt   int
}

// Merge: write the plate's results and report Merged.
type Merge struct {
	Execution Execution
	Wells     []Well
}

// Publish: tell the clients.
type Publish struct{ Change Change }

// Wake: send a Tick at this time.
type Wake struct{ Time time.Time }

// Change is news about an execution or, when Well is set, one of its wells.
type Change struct {
	Execution Execution
	Well      *Well
	Phase     enums.Phase
	Status    enums.ProgressStatus
	Message   string
}

func (Compile) effect() {}
func (Start) effect()   {}
func (Adopt) effect()   {}
func (Stop) effect()    {}
func (Commit) effect()  {}
func (Merge) effect()   {}
func (Publish) effect() {}
func (Wake) effect()    {}
