//go:build !unix

package worker

import "time"

// usedCPU is unknown here.
func usedCPU() (user, system time.Duration) { return 0, 0 }
