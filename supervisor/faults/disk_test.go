//go:build linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// disk is a small file system of the test's own.
type disk struct {
	t   *testing.T
	dir string
}

// mounted puts an empty file system of so many bytes at a path.
func mounted(t *testing.T, dir string, bytes int) disk {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		t.Skipf("a file system cannot be mounted here: %v", err)
	}
	d := disk{t, dir}
	t.Cleanup(func() {
		for unix.Unmount(dir, unix.MNT_DETACH) == nil { // whatever lies over it, too
		}
	})
	return d
}

func (d disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill leaves no room at all.
func (d disk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for block := make([]byte, size); ; {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
}

func (d disk) free() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// readOnly lays a read-only view of the file system over it: files that are open
// stay as they are, and nothing more can be opened for writing.
func (d disk) readOnly() {
	d.t.Helper()
	if err := unix.Mount(d.dir, d.dir, "", unix.MS_BIND, ""); err != nil {
		d.t.Fatalf("lay over: %v", err)
	}
	if err := unix.Mount("", d.dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		d.t.Fatalf("make read-only: %v", err)
	}
}

func (d disk) writable() {
	d.t.Helper()
	if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
		d.t.Fatalf("take away: %v", err)
	}
}

// A results folder that is full or read-only pauses the execution, which says
// so; when it can be written it goes on, and nothing is missing. So does the
// server when its own records are in such a place.
func TestFaultDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		records bool // the fault is where the records are, else where the results are
		strike  func(disk)
		relieve func(disk)
		restart bool   // the server is killed and restarted meanwhile
		says    string // how the pause begins
	}{
		{"results full", false, disk.fill, disk.free, false, "disk:"},
		{"results read-only", false, disk.readOnly, disk.writable, false, "disk:"},
		{"results full, server restarted", false, disk.fill, disk.free, true, "disk:"},
		{"results read-only, server restarted", false, disk.readOnly, disk.writable, true, "disk:"},
		{"records full", true, disk.fill, disk.free, false, "records:"},
		{"logs read-only", true, disk.readOnly, disk.writable, false, "disk:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for range count(1, 10) {
				w := harness.New(t)
				w.Setenv("WELLHOUSE_FAULTS", "1")
				plate := plateOf(t, w, 4)
				results := mounted(t, w.Path("results"), 24<<20)
				struck := results
				if test.records {
					struck = mounted(t, w.Places.State, 16<<20)
				}
				server := w.Serve("--workers", "2")
				// The wells wait first, so that the fault finds them at work, and
				// measure afterwards.
				pipeline := strings.Replace(harness.Nuclei, "steps:\n", "steps:\n  - {name: wait, function: fault_sleep, with: {duration: 1}}\n", 1)
				id := w.Submit(plate, pipeline, "--out", filepath.Join(results.dir, "out"), "--retries", "0")
				ended := follow(w, id)
				w.Await(id, "a waiting worker", nil, started("A01", "wait"))
				test.strike(struck)
				w.Await(id, "the pause", func(x message.Execution) bool { return x.Hold != "" }, nil)
				if test.restart {
					server.Kill()
					server = w.Serve("--workers", "2")
					w.Await(id, "the pause after the restart", func(x message.Execution) bool { return x.Hold != "" }, nil)
				}
				x := w.Status(id)
				t.Logf("it says: %s", x.Hold)
				if !strings.HasPrefix(x.Hold, test.says) {
					t.Errorf("it pauses and says %q", x.Hold)
				}
				if x.Status != enums.ExecutionRunning {
					t.Errorf("it is %s while it pauses", x.Status)
				}
				test.relieve(struck)
				x, err := ended()
				if err != nil {
					t.Fatal(err)
				}
				check(t, w, x, expectation{wells: 4})
				if r := server.Stop(); r.Code != 0 {
					t.Errorf("the server ended with %d", r.Code)
				}
			}
		})
	}
}
