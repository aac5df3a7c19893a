package process

import (
	"context"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Spec is one attempt at one well.
type Spec struct {
	Execution, Plate, Well string
	Attempt                int    // from 1
	Task                   []byte // as the registry encodes it
	Directory              string // of the attempt: where the worker leaves its outcome
	LogPath                string // of the worker's log, appended to
	Threads                int    // to compute with; 0 = as many as there are cores
	Limits                 Limits

	// Concluding is called, unless it is nil, when nothing is left of the attempt but
	// files, before they are looked at.
	Concluding func()
	// Late, for an adoption: adds task and threads, which can take long to make, for
	// a worker that was never given its task; no other needs it. It does not change
	// which attempt this is. After an error, or when ctx ends, which it need not
	// heed, the worker is ended.
	Late func(context.Context, *Spec) error
}

// Limits of one attempt; zero means none.
type Limits struct {
	// Timeout from the task's start to its end.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Stall: this long without progress and without an answer to a ping.
	Stall time.Duration `json:"stall_ns,omitempty"`
	// Grace between asking a worker to stop and killing it. Default 10 s.
	Grace time.Duration `json:"grace_ns,omitempty"`
	// Memory of the worker and its descendants together, in bytes.
	Memory int64 `json:"memory,omitempty"`
	// OpenFiles per process.
	OpenFiles int `json:"open_files,omitempty"`
	// Processes and threads of the attempt together, best effort.
	Processes int `json:"processes,omitempty"`
}

func (l Limits) withDefaults() Limits {
	if l.Grace <= 0 {
		l.Grace = 10 * time.Second
	}
	return l
}

// Result is how an attempt ended, with the evidence.
type Result struct {
	Reason enums.ExitReason
	Error  string // one sentence; "" when ok
	// Differences between the server's and the worker's types, for handshake_mismatch.
	Differences []string

	Pid int
	// ExitCode is -1 when a signal ended the process or its status is unknown.
	ExitCode int
	// Signal that ended the process, or that the Go runtime reported before it
	// exited: "SIGSEGV". "" = none.
	Signal string
	// PeakMemory of the worker and its descendants in bytes, without pages
	// shared with other processes; 0 when it ended before it was measured.
	PeakMemory int64
	UserCPU    time.Duration
	SystemCPU  time.Duration
	Started    time.Time
	Ended      time.Time
	LastStep   string
	// LogTail is the end of the log as clean text, from the last panic on if
	// there was one; at most 40 lines.
	LogTail []string
	// Outcome as read from the attempt's directory and verified; nil when there
	// is none that can be trusted. OutcomeErr says why.
	Outcome    *result.Outcome
	OutcomeErr error
	// Gone is set when the process could not be killed, whatever the reason,
	// and closed when it is gone after all. Until then its slot, its lock and
	// its memory are taken.
	Gone <-chan struct{}
}

// Unseen completes the result of a process that was not our child by the worker's
// own account: how it ended nobody told, and when perhaps not either.
func (r *Result) Unseen(o *result.Outcome) {
	if r.Reason == enums.ReasonOK {
		r.ExitCode = 0
	}
	r.UserCPU, r.SystemCPU, r.PeakMemory = o.UserCPU, o.SystemCPU, max(r.PeakMemory, o.PeakMemory)
	if !o.Ended.IsZero() {
		r.Ended = o.Ended
	}
	if r.Started.After(r.Ended) { // its start is not on record
		r.Started = o.Started
	}
}

// Record is enough to find an attempt again after a restart of the server. It
// is handed out before the worker gets its task.
type Record struct {
	plugin.Record
	Execution string    `json:"execution"`
	Plate     string    `json:"plate"`
	Well      string    `json:"well"`
	Attempt   int       `json:"attempt"`
	Directory string    `json:"directory"`
	LogPath   string    `json:"log_path"`
	LogOffset int64     `json:"log_offset"` // where this attempt's part begins
	Groups    []string  `json:"groups,omitempty"`
	Started   time.Time `json:"started"`
	Limits    Limits    `json:"limits"` // the attempt was started with
}
