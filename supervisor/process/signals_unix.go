//go:build unix

package process

import "syscall"

const sigBus = syscall.SIGBUS
