package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		os.Exit(child(path))
	}
	goleak.VerifyTestMain(m)
}

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "state.db") }

// logged is a logger and what it was told.
func logged() (*slog.Logger, *strings.Builder) {
	var b strings.Builder
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A file that was removed or replaced under a running server takes no more
// records: they would end with the process. When it is back the store goes on.
func TestFileThatIsNotInItsPlaceTakesNothing(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	save := func(id string) error { return s.Save(context.Background(), pair(id, "running", at(0))) }
	if err := save("a"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p, p+".away"); err != nil {
		t.Fatal(err)
	}
	if err := save("b"); !errors.Is(err, ErrUnwritable) {
		t.Errorf("it is gone: %v", err)
	}
	if err := os.WriteFile(p, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := save("b"); !errors.Is(err, ErrUnwritable) {
		t.Errorf("it is another: %v", err)
	}
	if err := os.Rename(p+".away", p); err != nil {
		t.Fatal(err)
	}
	if err := save("c"); err != nil {
		t.Fatal(err)
	}
	records, err := s.Load(context.Background(), Filter{Kind: Execution})
	if err != nil || len(records) != 2 || records[1].Execution != "c" {
		t.Errorf("%v: %+v", err, records)
	}
}

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 5000, time.UTC) }

// pair returns an execution and a well, as one change of state saves them.
func pair(id, status string, updated time.Time) []Record {
	return []Record{
		{Kind: Execution, Execution: id, Status: status, Updated: updated, Document: []byte(`{"plate":"P1"}`)},
		{Kind: Well, Execution: id, Well: "A01", Status: "running", Updated: updated, Document: []byte(`{"well":"A01"}`)},
	}
}

func load(t testing.TB, s *Store, f Filter) []Record {
	t.Helper()
	records, err := s.Load(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func save(t testing.TB, s *Store, records ...Record) {
	t.Helper()
	if err := s.Save(context.Background(), records); err != nil {
		t.Fatal(err)
	}
}

func TestSavedRecordsComeBack(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	want := pair("x1", "running", at(1))
	save(t, s, want...)
	if got := load(t, s, Filter{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = mustOpen(t, p)
	want[0].Status, want[0].Updated, want[0].Document = "complete", at(2), []byte(`{"plate":"P1","wells":24}`)
	save(t, s, want[0])
	if got := load(t, s, Filter{}); !reflect.DeepEqual(got, want) {
		t.Errorf("after replacing: got %v, want %v", got, want)
	}
}

func TestLoadFilters(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, path(t))
	for id, status := range map[string]string{"x1": "running", "x2": "complete", "x3": "queued", "x4": "failed"} {
		save(t, s, pair(id, status, at(1))...)
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		filter Filter
		want   string
	}{
		"all":        {Filter{}, "x1 x1 x2 x2 x3 x3 x4 x4"},
		"final":      {Filter{Final: &yes, Kind: Execution}, "x2 x4"},
		"not final":  {Filter{Final: &no}, "x1 x1 x3 x3"},
		"by id":      {Filter{Executions: []string{"x4", "x1", "x9"}, Kind: Well}, "x1 x4"},
		"no ids":     {Filter{Executions: []string{}}, ""},
		"id and not": {Filter{Executions: []string{"x1", "x2"}, Final: &no, Kind: Execution}, "x1"},
	} {
		var got []string
		for _, r := range load(t, s, c.filter) {
			got = append(got, r.Execution)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
}

func TestSaveRefusesWhatCannotBeFoundAgain(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, path(t))
	good := pair("x1", "running", at(1))
	for name, spoil := range map[string]func(*Record){
		"kind":              func(r *Record) { r.Kind = "plate" },
		"status":            func(r *Record) { r.Status = "walking" },
		"no id":             func(r *Record) { r.Execution = "" },
		"not JSON":          func(r *Record) { r.Document = []byte("{") },
		"execution, well":   func(r *Record) { r.Well = "A01" },
		"well without name": func(r *Record) { r.Kind = Well },
	} {
		bad := good[0]
		spoil(&bad)
		if err := s.Save(context.Background(), []Record{good[0], bad}); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
	if got := load(t, s, Filter{}); len(got) != 0 {
		t.Errorf("a refused Save left %v", got)
	}
}

func TestConcurrentSavesAreAllKept(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, path(t))
	var savers sync.WaitGroup
	const n, each = 20, 20
	for i := range n {
		savers.Go(func() {
			for j := range each {
				if err := s.Save(context.Background(), pair(fmt.Sprintf("x%d-%d", i, j), "running", at(j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	savers.Wait()
	if got := load(t, s, Filter{}); len(got) != n*each*2 {
		t.Errorf("kept %d of %d records", len(got), n*each*2)
	}
}

func TestClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, path(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(context.Background(), pair("x1", "running", at(1))); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// A program that has the file locked for long is told of, as a disk that cannot
// be written is; nothing is lost, and the store goes on after it.
func TestLockedByAnotherProgram(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	impatient := func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 10")
		return err
	}
	if err := s.do(t.Context(), job{task: impatient}); err != nil {
		t.Fatal(err)
	}
	other, err := pool(p, 1, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 2 {
		if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), pair("x1", "running", at(1))); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "another program has it locked") {
			t.Errorf("got %v", err)
		}
		if got := load(t, s, Filter{}); len(got) != 0 {
			t.Errorf("of a refused Save there is %v", got)
		}
		if _, err := other.Exec("ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
	save(t, s, pair("x1", "running", at(1))...)
	if got := load(t, s, Filter{}); len(got) != 2 {
		t.Errorf("afterwards there is %v", got)
	}
}

func TestPruneByAgeAndSize(t *testing.T) {
	t.Parallel()
	p := path(t)
	s := mustOpen(t, p)
	s.now = func() time.Time { return at(0).Add(time.Hour) }
	big := []byte(`"` + strings.Repeat("x", 100_000) + `"`)
	for i, status := range []string{"complete", "failed", "running", "complete", "cancelled"} {
		r := pair(fmt.Sprint("x", i), status, at(0).Add(time.Duration(i)*10*time.Minute))
		r[1].Document = big
		save(t, s, r...)
	}
	prune := func(keep time.Duration, size int64, want string) {
		t.Helper()
		gone, err := s.Prune(context.Background(), keep, size)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(gone, " "); got != want {
			t.Errorf("Prune(%v, %d) forgot %q, want %q", keep, size, got, want)
		}
	}
	prune(0, 0, "")
	prune(55*time.Minute, 0, "x0")
	prune(0, 350_000, "x1")
	prune(0, 1, "x3 x4") // what runs stays, however little room
	if got := load(t, s, Filter{}); len(got) != 2 || got[0].Execution != "x2" {
		t.Errorf("left %v", got)
	}
	if info, err := os.Stat(p); err != nil || info.Size() > 200_000 {
		t.Errorf("the file still takes %d bytes (%v)", info.Size(), err)
	}
}

func TestOpenRefusesForeignAndNewerFiles(t *testing.T) {
	t.Parallel()
	for name, pragma := range map[string]string{"another program's": "application_id = 5", "newer": "user_version = 99"} {
		p := path(t)
		if err := create(p); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("PRAGMA " + pragma); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		logger, _ := logged()
		if _, err := Open(p, logger); err == nil || !strings.Contains(err.Error(), name) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := os.Stat(p); err != nil {
			t.Errorf("%s: the file was moved: %v", name, err)
		}
	}
}
