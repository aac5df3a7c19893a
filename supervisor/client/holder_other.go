//go:build !linux

package client

import "os"

// flocked tells whether somebody holds an exclusive flock on the file. Locks
// cannot be listed here.
func flocked(f *os.File) (pid int, held bool) { return 0, sharedRefused(f) }
