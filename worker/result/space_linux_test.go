package result

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// small mounts a file system of its own, where that is allowed: root ignores
// file modes, so only a real one can be full or read-only.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { check0(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill leaves no room, and returns what makes room again.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f := must[*os.File](t)(os.Create(path))
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else {
			check0(t, err)
		}
	}
	check0(t, f.Close())
	return func() { check0(t, os.Remove(path)) }
}

func TestTooLittleSpaceIsRefused(t *testing.T) {
	t.Parallel()
	dir := small(t, "64m")
	out := filepath.Join(dir, "out")
	for _, refuse := range []func() error{
		func() error { return Check(out, WithSpace(1<<30)) },
		func() error { _, err := Open(out, "e1", WithSpace(1<<30)); return err },
	} {
		err := refuse()
		if !NoSpace(err) || !strings.Contains(err.Error(), "1.0 GiB are needed") || !strings.Contains(err.Error(), "--out") {
			t.Errorf("error is %v", err)
		}
	}
	if entries := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
	check0(t, must[*Folder](t)(Open(out, "e1", WithSpace(1<<20))).Close())
}

func TestFullDiskLeavesWhatWas(t *testing.T) {
	t.Parallel()
	dir := small(t, "32m")
	f := openFolder(t, filepath.Join(dir, "out"), "e1")
	j := job(f, complete(t, f, "A01", 1, 3))
	must[Summary](t)(f.Merge(j))
	work(t, f, "A02", 1, 4)
	was := visible(t, f)
	empty := fill(t, dir)
	if err := f.Commit("A02", 1, made); !NoSpace(err) {
		t.Errorf("commit on a full disk: %v", err)
	}
	if err := WriteOutcome(f.AttemptDir("A02", 1), outcome(f, "A02", 1, 9)); !NoSpace(err) {
		t.Errorf("outcome on a full disk: %v", err)
	}
	if err := WriteFragment(f.AttemptDir("A02", 1), objects(t, "A02", 9)); !NoSpace(err) {
		t.Errorf("fragment on a full disk: %v", err)
	}
	j.Wells = append(j.Wells, failedWell("A03"))
	if _, err := f.Merge(j); !NoSpace(err) {
		t.Errorf("merge on a full disk: %v", err)
	}
	for name, text := range visible(t, f) {
		if was[name] != text {
			t.Errorf("%s changed", name)
		}
	}
	empty()
	check0(t, f.Commit("A02", 1, made))
	j.Wells[1] = completeWell("A02", 1)
	if s := must[Summary](t)(f.Merge(j)); s.Complete != 2 || s.Objects["Nuclei"] != 7 {
		t.Errorf("with room again: %+v", s)
	}
}

func TestReadOnlyIsRefused(t *testing.T) {
	t.Parallel()
	dir := small(t, "32m")
	check0(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for _, refuse := range []func() error{
		func() error { return Check(filepath.Join(dir, "out")) },
		func() error { _, err := Open(filepath.Join(dir, "out"), "e1"); return err },
	} {
		if err := refuse(); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("error is %v", err)
		}
	}
}
