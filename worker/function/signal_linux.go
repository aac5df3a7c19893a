package function

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalSelf sends the process a signal by way of this thread: it takes effect
// before the call returns, where one to the process at large may hit any thread
// and let this one run on for a moment.
func signalSelf(s syscall.Signal) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), s); err != nil {
		return fmt.Errorf("send signal %d: %w", s, err)
	}
	return nil
}
