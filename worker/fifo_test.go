package worker_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func makeFifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "go")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
