//go:build !linux

package client

import (
	"os"

	"golang.org/x/sys/unix"
)

// flocked tells whether somebody holds an exclusive flock on the file. Where
// locks cannot be listed, trying a shared one for a moment is the only way.
func flocked(f *os.File) (pid int, held bool) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return 0, true
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return 0, false
}
