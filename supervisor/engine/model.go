package engine

import (
	"encoding/json"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Stage is where an execution stands inside its public status: compiling and
// ready are shown as queued, running and merging as running.
type Stage string

// The stages of an execution, in order.
const (
	StageCompiling Stage = "compiling"
	StageReady     Stage = "ready"
	StageRunning   Stage = "running"
	StageMerging   Stage = "merging"
	StageFinal     Stage = "final"
)

// CodeMergeFailed is the error code of an execution whose wells are done and whose
// results could not be merged.
const CodeMergeFailed = "merge_failed"

// Key names one well of one execution.
type Key struct{ Execution, Well string }

// Execution is one plate under one pipeline. Its JSON form is what the store keeps.
type Execution struct {
	ID          string                `json:"id"`
	Plate       string                `json:"plate"`
	Client      string                `json:"client,omitempty"`
	Status      enums.ExecutionStatus `json:"status"`
	Stage       Stage                 `json:"stage"`
	Sequence    int                   `json:"sequence"` // order of submission on this server
	Priority    int                   `json:"priority"` // higher goes first
	Workers     int                   `json:"workers"`  // wells at once; 0 = as many as the server allows
	Retries     int                   `json:"retries"`  // further attempts after the first
	CompileOnly bool                  `json:"compile_only,omitempty"`
	Memory      int64                 `json:"memory,omitempty"` // hard limit per well in bytes; 0 = none
	Submitted   time.Time             `json:"submitted"`
	Started     time.Time             `json:"started,omitzero"`
	Ended       time.Time             `json:"ended,omitzero"`
	Error       string                `json:"error,omitempty"`
	ErrorCode   string                `json:"error_code,omitempty"`
	Hold        *Hold                 `json:"hold,omitempty"`      // why no well is started at the moment
	Cancelled   bool                  `json:"cancelled,omitempty"` // cancelling was asked for
	Order       []string              `json:"order,omitempty"`     // its wells, in plate order; other wells on record are not its any more
	Opened      bool                  `json:"opened,omitempty"`    // its results folder was made, before it went back to be compiled
	RetryOf     string                `json:"retry_of,omitempty"`  // the execution this one runs again
	Request     json.RawMessage       `json:"request,omitempty"`   // the submission; only the edge reads it
	Plan        json.RawMessage       `json:"plan,omitempty"`      // what committing and merging need to know; only the edge reads it
	Summary     json.RawMessage       `json:"summary,omitempty"`   // what merging reported
}

// Hold says why an execution starts no wells at the moment.
type Hold struct {
	Cause  HoldCause `json:"cause"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // when it is tried again
	Probes int       `json:"probes"`         // how often it was tried again
}

// HoldCause tells holds apart, since each ends in its own way.
type HoldCause string

// The causes of a hold.
const (
	HoldStart  HoldCause = "start"  // every worker fails before its well begins
	HoldDisk   HoldCause = "disk"   // no room for results
	HoldPlate  HoldCause = "plate"  // the plate cannot be reached
	HoldMemory HoldCause = "memory" // no room in memory for one more well
)

// Well is one well of an execution. Its JSON form is what the store keeps.
type Well struct {
	Execution string           `json:"execution"`
	Name      string           `json:"well"`
	Status    enums.WellStatus `json:"status"`
	Reason    enums.ExitReason `json:"reason,omitempty"` // of its last ended attempt
	Error     string           `json:"error,omitempty"`
	Cost      float64          `json:"cost"`             // expected work, any unit; large ones start first
	Estimate  int64            `json:"estimate"`         // expected peak memory in bytes
	Memory    int64            `json:"memory,omitempty"` // hard limit for the next attempt; 0 = the execution's
	NotBefore time.Time        `json:"not_before,omitzero"`
	Origin    Origin           `json:"origin,omitzero"`  // what its result depends on
	Reused    bool             `json:"reused,omitempty"` // an earlier run's result was kept
	Warnings  []string         `json:"warnings,omitempty"`
	Counts    map[string]int   `json:"counts,omitempty"`
	Attempts  []Attempt        `json:"attempts,omitempty"`
}

// Origin is what a well's result depends on. Only the edge reads it.
type Origin struct {
	Made  string `json:"made"`
	Looks string `json:"looks"`
}

// Attempt is one process's try at a well, with the evidence of how it ended.
type Attempt struct {
	Number     int              `json:"number"`
	Threads    int              `json:"threads"`
	Memory     int64            `json:"memory,omitempty"`
	Started    time.Time        `json:"started"`
	Ended      time.Time        `json:"ended,omitzero"`
	Pid        int              `json:"pid,omitempty"`
	Reason     enums.ExitReason `json:"reason,omitempty"` // empty while it lives
	Error      string           `json:"error,omitempty"`
	ExitCode   int              `json:"exit_code"`
	Signal     string           `json:"signal,omitempty"`
	PeakMemory int64            `json:"peak_memory,omitempty"` // bytes
	CPU        time.Duration    `json:"cpu,omitempty"`
	LastStep   string           `json:"last_step,omitempty"`
	LogTail    []string         `json:"log_tail,omitempty"`
	Excused    bool             `json:"excused,omitempty"` // ended for want of disk room, of a share or with its server: not held against the well
	NoRoom     bool             `json:"no_room,omitempty"` // ended for want of disk room, or of the share of its plate or results
	Unread     bool             `json:"unread,omitempty"`  // its process is gone, and what it left cannot be read for now
	Process    json.RawMessage  `json:"process,omitempty"` // what is needed to find the process again; only while it lives
}

// Last returns the well's newest attempt, or nil when it had none.
func (w *Well) Last() *Attempt {
	if len(w.Attempts) == 0 {
		return nil
	}
	return &w.Attempts[len(w.Attempts)-1]
}

// count is the number of the well's attempts that are so.
func (w *Well) count(so func(*Attempt) bool) int {
	n := 0
	for i := range w.Attempts {
		if so(&w.Attempts[i]) {
			n++
		}
	}
	return n
}

// clone returns a copy that later changes to w do not reach.
func (w *Well) clone() Well {
	c := *w
	c.Attempts = append([]Attempt(nil), w.Attempts...)
	return c
}

func (x *Execution) clone() Execution {
	c := *x
	if x.Hold != nil {
		h := *x.Hold
		c.Hold = &h
	}
	return c
}
