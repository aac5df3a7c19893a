//go:build linux

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// An update replaces or removes the program under a server: what runs and what is
// queued ends as if nothing had happened, all of it by the server's own build.
func TestFaultProgramIsReplaced(t *testing.T) {
	t.Parallel()
	for name, update := range map[string]func(path string) error{
		"another program": func(path string) error {
			if err := os.Symlink("/bin/false", path+".new"); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		// Nothing but the file tells it from the server's.
		"another copy": func(path string) error {
			if err := copyFile(path, path+".new"); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		"nothing": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, program := copiedWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			server := w.Serve("--workers", "2", "--spares", "1")
			plate := plateOf(t, w, 6)
			running := w.Submit(plate, waiting("1", "0"), "--out", w.Path("running"))
			queued := w.Submit(plate, steps("fault_sleep", "wells: [A02], duration: 2"), "--out", w.Path("queued"))
			w.Await(running, "a waiting worker", nil, started("A01", "fault"))
			if err := update(program); err != nil {
				t.Fatal(err)
			}
			w.Await(queued, "a waiting worker", nil, started("A02", "fault"))
			ofServersBuild(t, w, server.Pid())
			check(t, w, w.AwaitEnd(running), expectation{wells: 6})
			check(t, w, w.AwaitEnd(queued), expectation{wells: 6})
		})
	}
}

// copiedWorld is a world with a program of its own, to be replaced.
func copiedWorld(t *testing.T) (w *harness.World, program string) {
	t.Helper()
	madeFailpoints.Store(true)
	binary, err := buildFailpoints()
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(t.TempDir(), "supervisor")
	if err := copyFile(binary, program); err != nil {
		t.Fatal(err)
	}
	return harness.NewWith(t, program), program
}

// copyFile leaves the writing to another process: a child that this one starts
// meanwhile would have the file open, and it could not be executed.
func copyFile(from, to string) error {
	if text, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy program: %w: %s", err, text)
	}
	return nil
}

// ofServersBuild checks that every worker is what its server is, by file and by
// name.
func ofServersBuild(t *testing.T, w *harness.World, server int) {
	t.Helper()
	image := func(pid int) (os.FileInfo, error) { return os.Stat(fmt.Sprintf("/proc/%d/exe", pid)) }
	own, err := image(server)
	if err != nil {
		t.Fatal(err)
	}
	var tree message.PsReply
	if err := w.Client().Call(w.Context(), message.Ps{}, &tree); err != nil {
		t.Fatal(err)
	}
	running := 0
	for _, p := range tree.Tree.Children {
		theirs, err := image(p.PID)
		if err != nil {
			continue // it has ended
		}
		if p.Well == "" || p.Step == "" {
			continue // it is on its way to its task, and not named yet
		}
		running++
		if !os.SameFile(own, theirs) || p.Name != "supervisor" || !worker(p.PID) {
			t.Errorf("worker %d is listed as %q and is of another program than its server", p.PID, p.Name)
		}
	}
	if running == 0 {
		t.Error("no worker was found")
	}
}
