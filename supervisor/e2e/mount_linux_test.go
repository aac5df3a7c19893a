package e2e

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// mount mounts a file system of its own for the test, small ("size=2m") or
// read-only, or skips it.
func mount(t *testing.T, dir, size string, readOnly bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var flags uintptr
	if readOnly {
		flags = unix.MS_RDONLY
	}
	if err := unix.Mount("wellhouse-test", dir, "tmpfs", flags, "size="+size); err != nil {
		t.Skipf("mounting a file system is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
