package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// snapshot copies the files of an open store, as they would be after a crash.
func snapshot(t testing.TB, from string) (db, wal []byte) {
	t.Helper()
	db, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	wal, err = os.ReadFile(from + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return db, wal
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// commits saves n times two records, one commit each, and returns the files
// and where each commit ends in the log.
func commits(t testing.TB, n int) (db, wal []byte, ends []int) {
	t.Helper()
	p := path(t)
	s := mustOpen(t, p)
	for i := range n {
		save(t, s, pair(fmt.Sprintf("0-%06d", i), "running", at(0))...)
		info, err := os.Stat(p + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(info.Size()))
	}
	db, wal = snapshot(t, p)
	return db, wal, ends
}

// The log cut at any byte opens to a whole prefix of the commits, and what was
// cut short is told.
func TestFaultLogCutAtEveryByteOfItsTail(t *testing.T) {
	t.Parallel()
	const n = 6
	db, wal, ends := commits(t, n)
	var cuts []int
	first := ends[n-4]
	if os.Getenv("WELLHOUSE_FAULT_SUITE") == "long" {
		for cut := first; cut <= len(wal); cut++ {
			cuts = append(cuts, cut)
		}
	} else {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		for range 160 {
			cuts = append(cuts, first+random.IntN(len(wal)-first+1))
		}
		for _, e := range ends {
			cuts = append(cuts, e-frameHeader, e-1, e, min(e+1, len(wal)), min(e+frameHeader, len(wal)))
		}
		cuts = append(cuts, 0, 1, walHeader-1, walHeader)
	}
	dir := t.TempDir()
	for _, cut := range cuts {
		want := 0
		committed := walHeader
		for i, e := range ends {
			if e <= cut {
				want, committed = i+1, e
			}
		}
		p := filepath.Join(dir, fmt.Sprint(cut, ".db"))
		write(t, p, db)
		write(t, p+"-wal", wal[:cut])
		logger, told := logged()
		s, err := Open(p, logger)
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, len(wal), err)
		}
		if got := prefixes(t, load(t, s, Filter{}))[0]; got != want {
			t.Errorf("cut at %d of %d: %d commits, want %d", cut, len(wal), got, want)
		}
		if torn := cut != committed && cut != 0; torn != strings.Contains(told.String(), "cut short") {
			t.Errorf("cut at %d (commit ends at %d): told %q", cut, committed, told)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := remove(p); err != nil {
			t.Fatal(err)
		}
	}
}

// A byte changed anywhere in the file is found, or changes nothing.
func TestChangedBytesAreFound(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	want := 0
	for i := range 50 {
		save(t, s, pair(fmt.Sprintf("0-%06d", i), "running", at(0))...)
		want++
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	found := 0
	for i := range 150 {
		changed := append([]byte(nil), whole...)
		at := random.IntN(len(changed))
		changed[at] ^= byte(1 + random.IntN(255))
		p := filepath.Join(t.TempDir(), "state.db")
		write(t, p, changed)
		s, err := Open(p, slog.New(slog.DiscardHandler))
		if err != nil {
			found++ // as damaged, or, in the header, as another program's or a newer one
			continue
		}
		if got := prefixes(t, load(t, s, Filter{}))[0]; got != want {
			t.Errorf("change %d at byte %d: %d of %d Saves came back and nothing was said", i, at, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// Most of a file is free space; 60 or so are usual.
	if found < 25 {
		t.Errorf("only %d of 150 changes were found", found)
	}
}

func TestDamagedStoreIsMovedAsideAndToldOf(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, p string){
		"empty":      func(t *testing.T, p string) { write(t, p, nil) },
		"not ours":   func(t *testing.T, p string) { write(t, p, []byte(strings.Repeat("no database ", 1000))) },
		"truncated":  func(t *testing.T, p string) { truncate(t, p, 5000) },
		"document":   func(t *testing.T, p string) { change(t, p, `{"well":"A01"}`, `{"well":"B01"}`) },
		"status":     func(t *testing.T, p string) { change(t, p, `running`, `rushing`) },
		"only a log": func(t *testing.T, p string) { write(t, p+"-wal", []byte("x")); mustRemove(t, p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := path(t)
			s := mustOpen(t, p)
			for i := range 50 {
				save(t, s, pair(fmt.Sprintf("0-%06d", i), "running", at(0))...)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, p)

			logger, _ := logged()
			_, err := Open(p, logger)
			var damaged *DamagedError
			if !errors.Is(err, ErrDamaged) || !errors.As(err, &damaged) {
				t.Fatalf("got %v", err)
			}
			if left, _ := filepath.Glob(damaged.Aside + "*"); len(left) == 0 {
				t.Error("nothing was kept aside")
			}
			if _, err := os.Stat(p); err == nil {
				t.Error("the damaged file is still in place")
			}
			logger, told := logged()
			s, err = Open(p, logger)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := load(t, s, Filter{}); len(got) != 0 {
				t.Errorf("the new store holds %v", got)
			}
			if !strings.Contains(told.String(), filepath.Base(damaged.Aside)) {
				t.Errorf("the new store started in silence: %q", told)
			}
		})
	}
}

func TestSalvageReadsWhatIsWhole(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	const n = 500
	var records []Record
	for i := range n {
		records = append(records, pair(fmt.Sprintf("0-%06d", i), "running", at(0))...)
	}
	records[n].Document = []byte(`{"plate":"the one"}`)
	save(t, s, records...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, p, `{"plate":"the one"}`, `{"plate":"another"}`)
	var damaged *DamagedError
	if _, err := Open(p, slog.New(slog.DiscardHandler)); !errors.As(err, &damaged) {
		t.Fatal(err)
	}
	whole, err := Salvage(context.Background(), damaged.Aside)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 2*n-1 {
		t.Errorf("salvaged %d records of %d whole ones", len(whole), 2*n-1)
	}
}

func truncate(t *testing.T, p string, size int64) {
	t.Helper()
	if err := os.Truncate(p, size); err != nil {
		t.Fatal(err)
	}
}

func mustRemove(t *testing.T, p string) {
	t.Helper()
	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, p, from, to string) {
	t.Helper()
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(data), from, to)
	if changed == string(data) {
		t.Fatalf("%q is not in the file", from)
	}
	write(t, p, []byte(changed))
}

// The log's reader takes any bytes.
func FuzzTornBytes(f *testing.F) {
	_, wal, _ := commits(f, 2)
	f.Add(wal)
	f.Add(wal[:len(wal)-1])
	f.Add(wal[:walHeader])
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := torn(strings.NewReader(string(b)), int64(len(b)))
		if err != nil || n < 0 || n > int64(len(b)) {
			t.Errorf("torn: %d of %d bytes, %v", n, len(b), err)
		}
	})
}
