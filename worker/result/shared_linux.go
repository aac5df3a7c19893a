package result

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Shared memory outlives the processes that made it, and nothing about it tells
// whose it was. So it is looked up while they live, and written down among the
// attempt's temporary files, for whoever comes to remove those.
const (
	sharedRoot = "/dev/shm/"
	sharedList = "shared-memory" // in TemporaryDir; a line "inode path" each
)

// NoteShared writes down the shared memory (files below /dev/shm, as shm_open(3)
// makes them) that processes of an attempt map and that was made since then; a
// worker may well use what others made. It may be repeated.
func NoteShared(attempt string, since time.Time, pids ...int) error {
	list := filepath.Join(TemporaryDir(attempt), sharedList)
	before, err := os.ReadFile(list)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list shared memory: %w", err)
	}
	var found []string
	for _, pid := range pids {
		for _, path := range sharedMaps(pid) {
			file, ok := sharedFile(path)
			if entry := fmt.Sprintf("%d %s\n", file.inode, path); ok && file.born.After(since.Add(-clockStep)) &&
				!bytes.Contains(before, []byte(entry)) && !slices.Contains(found, entry) {
				found = append(found, entry)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	f, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("list shared memory: %w", err)
	}
	_, err = f.WriteString(strings.Join(found, ""))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("list shared memory: %w", err)
	}
	return nil
}

// clockStep is how far the time of a file may be behind the clock.
const clockStep = 20 * time.Millisecond

// removeShared removes what NoteShared wrote down in an attempt's folder for
// temporary files, unless somebody uses it.
func removeShared(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, sharedList))
	if err != nil {
		return nil //nolint:nilerr // there was none
	}
	used := map[string]bool{}
	processes, _ := filepath.Glob("/proc/[0-9]*/maps")
	for _, maps := range processes {
		for _, path := range mappedFrom(maps) {
			used[path] = true
		}
	}
	var errs []error
	for line := range strings.Lines(string(text)) {
		inode, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		file, ok := sharedFile(path)
		if ok && fmt.Sprint(file.inode) == inode && !used[path] {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

// sharedMaps lists the files below /dev/shm that a process maps.
func sharedMaps(pid int) []string { return mappedFrom(fmt.Sprintf("/proc/%d/maps", pid)) }

func mappedFrom(maps string) []string {
	text, err := os.ReadFile(maps)
	if err != nil {
		return nil // it has ended, or is not ours to look into
	}
	var paths []string
	for line := range bytes.Lines(text) {
		at := bytes.Index(line, []byte(" "+sharedRoot))
		if at < 0 {
			continue
		}
		path := strings.TrimSpace(string(line[at:]))
		if !strings.HasSuffix(path, " (deleted)") && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

type shared struct {
	inode uint64
	born  time.Time
}

// sharedFile looks at a file of this user below /dev/shm; false for anything else.
func sharedFile(path string) (shared, bool) {
	var st unix.Statx_t
	if !strings.HasPrefix(path, sharedRoot) || filepath.Clean(path) != path {
		return shared{}, false
	}
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return shared{}, false
	}
	own := st.Mode&unix.S_IFMT == unix.S_IFREG && int(st.Uid) == os.Getuid() && st.Mask&unix.STATX_BTIME != 0
	return shared{st.Ino, time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))}, own
}
