package result

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that is being started has a copy of every descriptor until its exec:
// a lock that was released meanwhile must not stay held by it.
func TestReleasedLockIsFreeWhileAChildIsStarted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	lock := must[*Lock](t)(TryLock(path, "first"))
	copied, err := unix.Dup(int(lock.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(copied)
	check0(t, lock.Release())
	again, err := TryLock(path, "second")
	if err != nil {
		t.Fatalf("the released lock is held: %v", err)
	}
	check0(t, again.Release())
}
