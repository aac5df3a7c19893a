//go:build unix

package worker

import (
	"syscall"
	"time"
)

// usedCPU is what this process and the children it waited for have used so far;
// 0 is unknown.
func usedCPU() (user, system time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if syscall.Getrusage(who, &usage) == nil {
			user += time.Duration(usage.Utime.Nano())
			system += time.Duration(usage.Stime.Nano())
		}
	}
	return user, system
}
