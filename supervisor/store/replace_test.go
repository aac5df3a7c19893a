package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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
	aside, err := moveAside(path, time.Now())
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
