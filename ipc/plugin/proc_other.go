//go:build !linux

package plugin

import (
	"errors"
	"syscall"
)

// BootID is unknown here.
func BootID() string { return "" }

// StartTime is unknown here, so nothing is ever reattached or signalled by record.
func StartTime(int) (uint64, bool, error) { return 0, false, errors.ErrUnsupported }

// HasMarker cannot be told here.
func HasMarker(int, string) bool { return false }

func takeName() {}

func peakMemory(int) int64 { return 0 }

// SignalName describes the signal.
func SignalName(s syscall.Signal) string { return s.String() }
