//go:build linux

package faults

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// untried fails the test unless each well of a run took one attempt.
func untried(t *testing.T, x message.Execution) {
	t.Helper()
	for _, row := range table(t, filepath.Join(x.OutputPath, "joblog.tsv"))[1:] {
		if row[2] != "1" || row[3] != string(enums.ReasonOK) {
			t.Errorf("attempt %s of %s ended as %s: %s", row[2], row[1], row[3], row[11])
		}
	}
}

func held(cause string) func(message.Execution) bool {
	return func(x message.Execution) bool { return strings.HasPrefix(x.Hold, cause+": ") }
}

// The share of the results is away just when what is there is to be read: the run
// pauses, nothing that is there is taken for missing or damaged, and no well is
// computed twice.
func TestFaultShareIsAwayWhenResultsAreRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, pattern string }{
		{"outcome", `attempts/.*/A02\.1/outcome.json`},
		{"merge", `\.wellhouse/wells/.*/outcome.json`},
		{"merged table", `\.wellhouse/wells/.*/tables/`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			away := s.fail(test.pattern, content, syscall.ESTALE)
			id := w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", filepath.Join(s.dir, "out"), "--retries", "0")
			w.Await(id, "the pause", held("disk"), nil)
			if x := attentive(t, w, id); !strings.Contains(x.Hold, "stale file handle") {
				t.Errorf("it pauses and says %q", x.Hold)
			}
			away.lift()
			x := w.AwaitEnd(id)
			check(t, w, x, expectation{wells: 4})
			untried(t, x)
		})
	}
}

// The server starts again, the share of the results is not mounted yet, and a
// worker ended meanwhile: what it left counts when the share is there, also for the
// server after that one.
func TestFaultResultsAreAwayAfterARestart(t *testing.T) {
	t.Parallel()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := mountShare(t, w, "share")
	server := w.Serve("--workers", "1", "--spares", "0")
	id := w.Submit(plateOf(t, w, 4), waiting("2", "1"), "--out", filepath.Join(s.dir, "out"), "--retries", "0")
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	if !harness.AwaitGone(pid, gone) {
		t.Fatal("the worker does not end")
	}
	comesBack := s.cover()
	server = w.Serve("--workers", "1", "--spares", "0", "--drain", "100ms")
	w.Await(id, "the pause", held("disk"), nil)
	server.Stop()
	w.Serve("--workers", "1", "--spares", "0")
	w.Await(id, "the pause", held("disk"), nil)
	// Its slot is not taken meanwhile.
	x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", w.Path("other")))
	if problem := examine(t, x, expectation{wells: 4}); problem != "" {
		t.Error(problem)
	}
	comesBack()
	x = w.AwaitEnd(id)
	check(t, w, x, expectation{wells: 4})
	untried(t, x)
}

// A run was accepted and still being checked when the server died, or was checked
// and waited for its turn: it waits for its share like one that had begun.
func TestFaultAcceptedPlateIsAwayAfterARestart(t *testing.T) {
	t.Parallel()
	for _, checked := range []bool{false, true} {
		name := map[bool]string{false: "being checked", true: "in the queue"}[checked]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			s := mountShare(t, w, "share")
			server := w.Serve("--workers", "1", "--spares", "0")
			first := w.Submit(plateOf(t, w, 1), waiting("2", "1"), "--out", w.Path("first"))
			w.Await(first, "a waiting worker", nil, started("A01", "fault"))
			plate := plateOn(t, s, 4)
			var hangs *fault
			if !checked {
				hangs = s.hang("^plate/", both)
			}
			id := w.Submit(plate, harness.Nuclei)
			if checked {
				w.Await(id, "its wells", func(x message.Execution) bool { return len(x.Wells) == 4 }, nil)
			} else {
				hangs.awaitHit(w.Context())
			}
			server.Signal(syscall.SIGKILL)
			comesBack := s.fail("^plate(/|$)", both, syscall.ESTALE).lift
			if !checked {
				hangs.lift()
			}
			server.Wait()
			w.Serve("--workers", "1", "--spares", "0")
			w.Await(id, "the pause", held("plate"), nil)
			if problem := examine(t, w.AwaitEnd(first), expectation{wells: 1}); problem != "" {
				t.Error(problem)
			}
			if x := attentive(t, w, id); slices.Contains([]enums.ExecutionStatus{enums.ExecutionFailed, enums.ExecutionCancelled}, x.Status) {
				t.Errorf("it ended as %s: %v", x.Status, x.Error)
			}
			comesBack()
			check(t, w, w.AwaitEnd(id), expectation{wells: 4})
		})
	}
}
