package process

import "syscall"

const sigBus = syscall.Signal(0xa)
