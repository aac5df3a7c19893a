package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// small mounts a file system of its own with this many bytes.
func small(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no room in dir and returns what to remove to have it back.
func fill(t *testing.T, dir string) string {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			return ballast
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskFailsTheSaveAndNotTheStore(t *testing.T) {
	t.Parallel()
	dir := small(t, 8<<20)
	p := filepath.Join(dir, "state.db")
	s := mustOpen(t, p)
	document := []byte(`"` + strings.Repeat("x", 60_000) + `"`)
	next := 0
	saveNext := func() error {
		r := pair(fmt.Sprintf("0-%06d", next), "running", at(0))
		r[1].Document = document
		err := s.Save(context.Background(), r)
		if err == nil {
			next++
		}
		return err
	}
	for round := range 6 {
		if err := saveNext(); err != nil {
			t.Fatalf("round %d: with room: %v", round, err)
		}
		ballast := fill(t, dir)
		// The log reuses its own room first; in the end there is none.
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			err = saveNext()
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("round %d: without room: %v", round, err)
		}
		if got := prefixes(t, load(t, s, Filter{}))[0]; got != next {
			t.Errorf("round %d: %d Saves were answered, %d are kept", round, next, got)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := saveNext(); err != nil {
			t.Fatalf("round %d: with room again: %v", round, err)
		}
	}
	fill(t, dir)
	if err := s.Close(); err != nil && !errors.Is(classify(err), ErrFull) {
		t.Fatal(err)
	}
	if got := prefixes(t, load(t, mustOpen(t, p), Filter{}))[0]; got != next {
		t.Errorf("reopened: %d Saves were answered, %d are kept", next, got)
	}
}

func TestNoRoomForANewStore(t *testing.T) {
	t.Parallel()
	dir := small(t, 64<<10)
	ballast := fill(t, dir)
	p := filepath.Join(dir, "state.db")
	if _, err := Open(p, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(p + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, p)
}

func TestReadOnlyPlaceIsRefusedAndNothingMoved(t *testing.T) {
	t.Parallel()
	dir := small(t, 8<<20)
	p := filepath.Join(dir, "state.db")
	s := mustOpen(t, p)
	save(t, s, pair("0-000000", "running", at(0))...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(p, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrUnwritable) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Error(err)
	}
}
