package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A server that ends between moving a damaged store aside and putting another in
// its place must not find an empty store the next time.
func TestInterruptedReplacementIsTakenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	logger := slog.New(slog.DiscardHandler)
	s, err := Open(path, logger)
	if err != nil {
		t.Fatal(err)
	}
	record := Record{Kind: Execution, Execution: "x", Status: "running", Updated: time.Now(), Document: []byte(`{}`)}
	if err := errors.Join(s.Save(context.Background(), []Record{record}), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got := Unreplaced(path); got != "" {
		t.Errorf("a store in its place counts as not replaced: %s", got)
	}
	aside, err := moveAside(path, time.Now(), move)
	if err != nil {
		t.Fatal(err)
	}
	if got := Unreplaced(path); got != aside {
		t.Fatalf("got %q, want %q", got, aside)
	}
	// A first try that was cut short leaves a file that is no store.
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	records, stopped, err := Replace(context.Background(), path, aside, logger)
	if records != 1 || stopped != nil || err != nil {
		t.Fatalf("got %d records, stopped by %v, %v", records, stopped, err)
	}
	if got := Unreplaced(path); got != "" {
		t.Errorf("it counts as not replaced: %s", got)
	}
	s, err = Open(path, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if found, err := s.Load(context.Background(), Filter{}); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

var errStopped = errors.New("stopped")

// A server that ends before any of the renames of a replacement is followed by
// one that finds every record, also those in the log. What was replaced stays so:
// a store that is deleted later is followed by an empty one.
func TestFaultReplacementStopsAtEveryStep(t *testing.T) {
	t.Parallel()
	source := path(t)
	s := mustOpen(t, source)
	save(t, s, pair("x1", "running", at(1))...)
	save(t, s, pair("x2", "cancelled", at(2))...)
	db, wal := snapshot(t, source)
	for steps := 0; ; steps++ {
		p := path(t)
		write(t, p, db)
		write(t, p+"-wal", wal)
		done := 0
		stopping := func(from, to string) error {
			if done == steps {
				return errStopped
			}
			done++
			return move(from, to)
		}
		logger := slog.New(slog.DiscardHandler)
		aside, err := moveAside(p, at(3), stopping)
		if err == nil {
			_, _, err = replace(t.Context(), p, aside, logger, stopping)
		}
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		if unreplaced := Unreplaced(p); unreplaced != "" {
			if records, stopped, err := Replace(t.Context(), p, unreplaced, logger); records != 4 || stopped != nil || err != nil {
				t.Errorf("stopped after %d steps: replaced %d records, stopped by %v, %v", steps, records, stopped, err)
			}
		}
		if all, err := asides(p); done > 0 && (err != nil || len(all) > 0) {
			t.Errorf("stopped after %d steps: %v can come back, %v", steps, all, err)
		}
		next, openErr := Open(p, logger)
		if openErr != nil {
			t.Fatalf("stopped after %d steps: %v", steps, openErr)
		}
		if found := load(t, next, Filter{}); len(found) != 4 {
			t.Errorf("stopped after %d steps: found %v", steps, found)
		}
		if err := errors.Join(next.Close(), remove(p)); err != nil {
			t.Fatal(err)
		}
		if old := Unreplaced(p); old != "" {
			t.Errorf("stopped after %d steps: %s comes back", steps, old)
		}
		if err == nil {
			if !there(aside+taken) || !there(aside+taken+"-wal") || there(aside) {
				t.Error("the damaged store is not kept under the name that tells")
			}
			return
		}
	}
}

// Where an earlier version left the name that does not tell, the store in its
// place does.
func TestStoreInPlaceRetiresWhatWasMovedAsideBefore(t *testing.T) {
	t.Parallel()
	p := path(t)
	aside, err := moveAside(p, at(1), move)
	if err != nil {
		t.Fatal(err)
	}
	write(t, aside, []byte("damaged"))
	write(t, aside+"-wal", []byte("its log"))
	if got := Unreplaced(p); got != aside {
		t.Errorf("with nothing in its place: got %q", got)
	}
	if err := create(p); err != nil {
		t.Fatal(err)
	}
	logger, told := logged()
	s, err := Open(p, logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), remove(p)); err != nil {
		t.Fatal(err)
	}
	if old := Unreplaced(p); old != "" {
		t.Errorf("%s comes back", old)
	}
	if !there(aside+taken) || !there(aside+taken+"-wal") || !strings.Contains(told.String(), filepath.Base(aside)+taken) {
		t.Errorf("it is not kept, or not told of: %s", told)
	}
}
