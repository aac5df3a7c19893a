//go:build linux

package faults

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Shared memory that workers leave goes with them, however they end, and also
// when another server sees them end than the one that started them. What others
// made stays.
func TestFaultSharedMemory(t *testing.T) {
	t.Parallel()
	left := func() []string {
		files, _ := filepath.Glob("/dev/shm/wellhouse-fault-*")
		return files
	}
	if files := left(); len(files) > 0 {
		t.Skipf("others make shared memory here: %v", files)
	}
	foreign, err := os.CreateTemp("/dev/shm", "wellhouse-test-")
	if err != nil {
		t.Skipf("no shared memory can be made here: %v", err)
	}
	defer func() { _ = os.Remove(foreign.Name()) }()
	defer foreign.Close()

	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "4")
	pipeline := steps("fault_shared_memory", "bytes: 1048576") +
		"  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: 2.5, wells: [A02, A03]}}\n" +
		"  - {name: die, from: pipeline_start, function: fault_signal, with: {signal: 9, attempts: 1, wells: [A02]}}\n" +
		"  - {name: hang, from: pipeline_start, function: fault_ignore_stop, with: {wells: [B01]}}\n"
	id := w.Submit(plateOf(t, w, 4), pipeline, "--retries", "1", "--set", "timeout=8s", "--set", "grace=1s")
	ended := follow(w, id)
	w.Await(id, "a worker that waits", nil, started("A03", "wait"))
	var made []string
	w.Await(id, "shared memory of two workers, written down", func(x message.Execution) bool {
		made = slices.DeleteFunc(left(), func(path string) bool { return !noted(x, path) })
		return len(made) >= 2
	}, nil)
	used, replaced := mapped(t, made[0]), made[1]
	if err := errors.Join(os.Remove(replaced), os.WriteFile(replaced, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(replaced) }()
	server.Kill()
	w.Serve("--workers", "4")
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{4, map[string]want{"B01": {enums.WellFailed, enums.ReasonTimeout}}})
	if files := left(); !slices.Equal(files, []string{used, replaced}) {
		t.Errorf("the shared memory that is left is %v, want %s, which is in use, and %s, which is another one", files, used, replaced)
	}
	if _, err := os.Stat(foreign.Name()); err != nil {
		t.Errorf("somebody else's shared memory is gone: %v", err)
	}
}

// noted tells whether shared memory is written down among an attempt's temporary
// files, as package result does.
func noted(x message.Execution, path string) bool {
	lists, _ := filepath.Glob(filepath.Join(x.OutputPath, ".wellhouse", "attempts", "*", "*.tmp", "shared-memory"))
	return slices.ContainsFunc(lists, func(list string) bool {
		text, _ := os.ReadFile(list)
		return strings.Contains(string(text), " "+path+"\n")
	})
}

// mapped uses a file of shared memory until the test ends, and removes it then.
func mapped(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	memory, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Munmap(memory)
		_ = os.Remove(path)
	})
	return path
}
