//go:build linux

package faults

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// The machine lost power and with it the end of the records, anywhere: a server
// on what is left takes every well's result from the results folder where it is
// there, works the others out again, and ends as if nothing had happened. (That
// any cut opens to a whole prefix of commits is the store's own test.)
func TestFaultRecordsAreCut(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	reference(t, stopWells)
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "1", "--spares", "0")
	out := w.Path("results", "out")
	request := message.Execute{PlateID: plateOf(t, w, stopWells), PipelineCode: stopPipeline, OutputPath: out}
	accepted, err := w.Client().Submit(w.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	id := accepted.ExecutionID
	check(t, w, w.AwaitEnd(id), stopExpectation)
	server.Kill()

	wal := w.Places.Store() + "-wal"
	keep := func(from, to string) {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	keep(w.Places.State, w.Path("kept", "state"))
	keep(out, w.Path("kept", "out"))
	commits := ends(t, wal)
	if len(commits) < 10 {
		t.Fatalf("the log has %d commits", len(commits))
	}
	known := 0
	for i, end := range commits {
		before := int64(0)
		if i > 0 {
			before = commits[i-1]
		}
		for range count(1, 20) {
			cut := before + rng.Int64N(end-before)
			keep(w.Path("kept", "state"), w.Places.State)
			keep(w.Path("kept", "out"), out)
			if err := os.Truncate(wal, cut); err != nil {
				t.Fatal(err)
			}
			server = w.Serve("--workers", "1", "--spares", "0")
			x, err := w.Client().Follow(w.Context(), id, client.Follower{})
			switch {
			case err == nil:
				known++
				for _, v := range x.Wells {
					if v.Well == "A01" && v.Attempts > 1 {
						t.Errorf("well A01 took %d attempts, though its result was there", v.Attempts)
					}
				}
			case strings.Contains(err.Error(), "not found") && known == 0:
				// It was never accepted, as far as is known; its wells' results count.
				if accepted, err = w.Client().Submit(w.Context(), request); err != nil {
					t.Fatal(err)
				}
				x = w.AwaitEnd(accepted.ExecutionID)
				for _, v := range x.Wells {
					if v.Well != "A02" && !v.Reused {
						t.Errorf("the result of %s was there, and it was computed again", v.Well)
					}
				}
			default:
				t.Errorf("after a cut at %d of %d: %v", cut, commits[len(commits)-1], err)
			}
			check(t, w, x, stopExpectation)
			if text := w.Read(filepath.Join(w.Places.Logs(), "server-7777.log")); cut > before && !strings.Contains(text, "cut short") {
				t.Errorf("a cut at %d, after a commit at %d, is not told", cut, before)
			}
			server.Kill()
			if t.Failed() {
				t.Fatalf("the log was cut at %d, in commit %d of %d", cut, i+1, len(commits))
			}
		}
	}
	t.Logf("%d commits; in %d of the cuts the execution was on record", len(commits), known)
}

// ends are the places in a write-ahead log where its commits end, see SQLite's
// file format, section 4.
func ends(t *testing.T, path string) []int64 {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header, frame = 32, 24
	page := int64(binary.BigEndian.Uint32(log[8:]))
	var found []int64
	for at := int64(header); at+frame+page <= int64(len(log)); at += frame + page {
		if string(log[at+8:at+16]) != string(log[16:24]) {
			break // of an earlier round
		}
		if binary.BigEndian.Uint32(log[at+4:]) != 0 {
			found = append(found, at+frame+page)
		}
	}
	return found
}

// Records that point at a process which is not the worker (its number was given
// out again, the machine was restarted, the record itself is wrong) never lead
// to a signal for that process, and the well is worked on again.
func TestFaultRecordsNameSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(record map[string]any, victim int){
		"recycled number":              func(r map[string]any, victim int) { r["pid"] = victim },
		"another start time":           func(r map[string]any, _ int) { r["start_time"] = 12345 },
		"the machine was restarted":    func(r map[string]any, _ int) { r["boot_id"] = "00000000-0000-0000-0000-000000000000" },
		"another marker":               func(r map[string]any, _ int) { r["marker"] = "somebody/else" },
		"recycled, with its own start": func(r map[string]any, victim int) { r["pid"], r["start_time"] = victim, startTime(victim) },
		"number 1":                     func(r map[string]any, _ int) { r["pid"] = 1 },
		"no number":                    func(r map[string]any, _ int) { r["pid"] = -1 },
		"the server's socket":          func(r map[string]any, _ int) { r["socket"] = "/proc/self/exe" },
		"another folder":               func(r map[string]any, _ int) { r["directory"], r["groups"] = "/", []string{"/sys/fs/cgroup/pids", "/"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range count(1, 6) {
				w := failpointWorld(t)
				w.Setenv("WELLHOUSE_FAULTS", "1")
				// Somebody else's process: in a session of its own, as a worker is,
				// and not in this world.
				victim := exec.Command("/bin/sleep", "600")
				victim.Env = []string{}
				victim.SysProcAttr = apart()
				if err := victim.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					_ = victim.Process.Kill()
					_ = victim.Wait()
				})
				server := w.Serve("--workers", "1", "--spares", "0")
				pipeline := steps("fault_sleep", "duration: 600, attempts: 1, wells: [A01]")
				id := w.Submit(plateOf(t, w, 2), pipeline, "--retries", "0")
				ended := follow(w, id)
				w.Await(id, "a waiting worker", nil, started("A01", "fault"))
				pid := pidOf(t, w, "A01")
				server.Kill()
				rewrite(t, w, id, "A01", func(record map[string]any) { change(record, victim.Process.Pid) })
				w.Serve("--workers", "1", "--spares", "0")
				if name == "the server's socket" || name == "another folder" {
					// It is the worker, provably; it cannot be reached, or only its
					// record is odd. It must not sleep on for ever.
					_ = exec.Command("kill", "-9", fmt.Sprint(pid)).Run()
				}
				x, err := ended()
				if err != nil {
					t.Fatal(err)
				}
				check(t, w, x, expectation{wells: 2})
				if !harness.AwaitGone(pid, gone) {
					t.Error("the true worker is left")
				}
				if harness.AwaitGone(victim.Process.Pid, 0) {
					t.Error("somebody else's process was ended")
				}
			}
		})
	}
}

// A program that has the records locked for longer than anybody expects (a backup,
// somebody's SQL shell) makes everything wait, which is told; nothing fails.
func TestFaultRecordsAreLockedByAnotherProgram(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "2")
	id := w.Submit(plateOf(t, w, 4), steps("fault_sleep", "duration: 1"), "--retries", "0")
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	// What BEGIN IMMEDIATE takes: WAL_WRITE_LOCK, see "The WAL-Index File Format" in
	// SQLite's documentation.
	index, err := os.OpenFile(w.Places.Store()+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	if err := unix.FcntlFlock(index.Fd(), unix.F_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Start: 120, Len: 1}); err != nil {
		t.Fatal(err)
	}
	w.Await(id, "the pause", func(x message.Execution) bool { return x.Hold != "" }, nil)
	if x := w.Status(id); !strings.HasPrefix(x.Hold, "records:") || !strings.Contains(x.Hold, "another program has it locked") {
		t.Errorf("it is %s and says %q", x.Status, x.Hold)
	}
	if err := unix.FcntlFlock(index.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Start: 120, Len: 1}); err != nil {
		t.Fatal(err)
	}
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 4})
	if r := server.Stop(); r.Code != 0 {
		t.Errorf("the server ended with %d", r.Code)
	}
}

// Records that are moved away under a running server are not written where nobody
// finds them: everything waits, nothing is accepted, and goes on when they are back.
func TestFaultRecordsAreMovedAway(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2", "--spares", "0")
	id := w.Submit(plateOf(t, w, 4), steps("fault_sleep", "duration: 1"), "--retries", "0")
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	if err := os.Rename(w.Places.State, w.Places.State+"-away"); err != nil {
		t.Fatal(err)
	}
	w.Await(id, "the pause", held("records"), nil)
	request := message.Execute{PlateID: plateOf(t, w, 4), PipelineCode: harness.Nuclei, OutputPath: w.Path("other")}
	if accepted, err := w.Client().Submit(w.Context(), request); err == nil {
		t.Errorf("execution %s was accepted", accepted.ExecutionID)
	}
	if err := os.RemoveAll(w.Places.State); err != nil { // logs are made anew
		t.Fatal(err)
	}
	if err := os.Rename(w.Places.State+"-away", w.Places.State); err != nil {
		t.Fatal(err)
	}
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 4})
}

// rewrite changes the record of a well's process behind the server's back.
func rewrite(t *testing.T, w *harness.World, id, well string, change func(map[string]any)) {
	t.Helper()
	s, err := store.Open(w.Places.Store(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	records, err := s.Load(w.Context(), store.Filter{Executions: []string{id}, Kind: store.Well})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Well != well {
			continue
		}
		var document map[string]any
		decoder := json.NewDecoder(strings.NewReader(string(r.Document)))
		decoder.UseNumber()
		if err := decoder.Decode(&document); err != nil {
			t.Fatal(err)
		}
		attempts := document["attempts"].([]any)
		change(attempts[len(attempts)-1].(map[string]any)["process"].(map[string]any))
		if r.Document, err = json.Marshal(document); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(w.Context(), []store.Record{r}); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("well %s is not on record", well)
}
