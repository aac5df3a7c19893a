//go:build !linux

package function

import (
	"fmt"
	"os"
	"syscall"
)

func signalSelf(s syscall.Signal) error {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		return fmt.Errorf("send signal %d: %w", s, err)
	}
	return nil
}
