package client

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// insideVariable makes this test binary look for the holder of a lock.
const insideVariable = "WELLHOUSE_CLIENT_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(insideVariable); path != "" {
		if err := lookFromInside(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// lookFromInside mounts the new pid namespace's own /proc first, which lists no
// locks of processes outside.
func lookFromInside(path string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	_, err := fmt.Printf("%+v", holderOf(path))
	return err
}

// A server in another pid namespace, as in a container, holds its port.
func TestHolderInAnotherNamespace(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a pid namespace needs root")
	}
	path := filepath.Join(t.TempDir(), "port.lock")
	look := func() string {
		t.Helper()
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), insideVariable+"="+path)
		c.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
		out, err := c.CombinedOutput()
		if errors.Is(err, unix.EPERM) || strings.Contains(string(out), "operation not permitted") {
			t.Skip("a pid namespace is not permitted here")
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	lock, err := result.TryLock(path, "process 4711, port 7777, control port 9000, data directory /a b")
	if err != nil {
		t.Fatal(err)
	}
	if got := look(); got != "{PID:4711 Control:9000 State:/a b Held:true}" {
		t.Errorf("while it is held: %s", got)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != "{PID:4711 Control:9000 State:/a b Held:false}" {
		t.Errorf("after its release: %s", got)
	}
}

// A file that is looked at all the time, as while its server is awaited, can be
// locked at any moment, and the lock is seen for as long as it is held.
func TestLookingAtALockRefusesNobody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "port.lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !leases(t, path) {
		t.Skip("the file system has no leases")
	}
	look := func() bool {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return false
		}
		defer f.Close()
		return probed(f)
	}
	stop := make(chan struct{})
	var lookers sync.WaitGroup
	for range 2 {
		lookers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					look()
				}
			}
		})
	}
	for n := range 500 {
		lock, err := result.TryLock(path, "process 1")
		if err != nil {
			t.Errorf("lock %d is refused: %v", n, err)
			break
		}
		if !look() {
			t.Errorf("lock %d is not seen", n)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	lookers.Wait()
}

func leases(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	return err == nil
}
