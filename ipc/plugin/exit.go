package plugin

import (
	"fmt"
	"syscall"
	"time"
)

// Exit is how a process ended.
type Exit struct {
	// Known is false when the process was not our child (after a reattach):
	// only that it ended, and when, is certain then.
	Known bool
	// Code is the exit code, or -1 when a signal ended the process.
	Code   int
	Signal syscall.Signal // 0 = none
	// UserCPU and SystemCPU of the process and the children it waited for.
	UserCPU, SystemCPU time.Duration
	// PeakResident is the highest resident size in bytes, 0 when unknown. (The
	// kernel counts in what the forking server had resident before the exec;
	// a figure that is no higher than that says nothing.)
	PeakResident int64
	At           time.Time
}

// String is for people: "exit code 2", "signal SIGKILL", "unknown exit status".
func (e Exit) String() string {
	switch {
	case !e.Known:
		return "unknown exit status"
	case e.Signal != 0:
		return "signal " + SignalName(e.Signal)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}
