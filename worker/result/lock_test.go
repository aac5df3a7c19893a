package result

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
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

// A lock whose file was removed between its opening and its locking keeps nobody
// out, and is none: never are there two holders.
func TestLockOfARemovedFileIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	var holders atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for held := 0; held < 100; {
				lock, err := TryLock(path, "test")
				if err != nil {
					if !errors.Is(err, ErrLocked) {
						t.Error(err)
						return
					}
					runtime.Gosched()
					continue
				}
				held++
				if n := holders.Add(1); n > 1 {
					t.Errorf("%d hold it", n)
				}
				runtime.Gosched()
				holders.Add(-1)
				if err := errors.Join(os.Remove(path), lock.Release()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
