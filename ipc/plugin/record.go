package plugin

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Record identifies a worker's process beyond doubt and says where to reach it:
// what a later server needs for [Reattach]. It is written to the store before
// the worker gets its task.
type Record struct {
	Pid int `json:"pid"`
	// StartTime in clock ticks since boot, and the boot: a number that was given
	// out again has another start time.
	StartTime uint64 `json:"start_time"`
	BootID    string `json:"boot_id"`
	// Marker is in the environment of the worker and of all its descendants.
	Marker string `json:"marker"`
	Socket string `json:"socket"`
}

// ErrNotRunning says that the process of a record is gone, or that another one
// has its number now.
var ErrNotRunning = errors.New("worker is not running")

// Alive returns nil when the record's very process exists (a zombie does not),
// and an error that wraps [ErrNotRunning] otherwise.
func (r Record) Alive() error {
	if r.Pid <= 1 || r.StartTime == 0 || r.Marker == "" {
		return fmt.Errorf("%w: incomplete record", ErrNotRunning)
	}
	if boot := BootID(); boot != r.BootID {
		return fmt.Errorf("%w: the machine was restarted", ErrNotRunning)
	}
	start, zombie, err := StartTime(r.Pid)
	switch {
	case err != nil:
		return fmt.Errorf("%w: no process %d", ErrNotRunning, r.Pid)
	case start != r.StartTime:
		return fmt.Errorf("%w: process %d is another one now", ErrNotRunning, r.Pid)
	case zombie:
		return fmt.Errorf("%w: process %d has ended", ErrNotRunning, r.Pid)
	case !HasMarker(r.Pid, r.Marker):
		return fmt.Errorf("%w: process %d does not carry the marker", ErrNotRunning, r.Pid)
	}
	return nil
}

// RemoveSocket removes what a worker that is gone left in the run directory.
func (r Record) RemoveSocket(runDir string) {
	if dir := socketDirOf(r.Socket); dir != "" && filepath.Dir(dir) == filepath.Clean(runDir) {
		removeSocketDir(dir)
	}
}
