//go:build unix

package plugin

import "syscall"

func kill(pid int, signal syscall.Signal) error { return syscall.Kill(pid, signal) }
