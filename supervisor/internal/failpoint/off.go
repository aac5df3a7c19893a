//go:build !failpoint

package failpoint

import "syscall"

// Enabled tells whether this binary has failpoints.
const Enabled = false

// Hit is nothing in this binary.
func Hit(string) {}

// Step returns nil in this binary: no file system needs to be watched.
func Step() func(operation, path string) error { return nil }

// WorkerStep returns nil in this binary.
func WorkerStep() func(operation, path string) error { return nil }

// Kill returns nil in this binary: signals go where they are sent.
func Kill() func(pid int, signal syscall.Signal) error { return nil }

// WorkerEnv is what workers need in their environment: nothing.
func WorkerEnv() []string { return nil }
