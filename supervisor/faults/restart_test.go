//go:build linux

package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// waiting is a pipeline whose well A01 waits, the first time only if so wanted.
func waiting(seconds, attempts string) string {
	return steps("fault_sleep", "wells: [A01], duration: "+seconds+", attempts: "+attempts)
}

// A client that runs a plate, and one that waits for it, get its result though
// the server was killed; the worker that was running is taken over.
func TestFaultClientsWaitThroughARestart(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "2")
	run := w.Start("run", plateOf(t, w, 4), "-p", w.Pipeline(waiting("3", "0")), "--json", "--retries", "0")
	id := onlyExecution(t, w)
	wait := w.Start("wait", id, "--json")
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	w.Serve("--workers", "2")
	for _, r := range []harness.Result{run.Wait(), wait.Wait()} {
		lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		var x message.Execution
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &x); err != nil || r.Code != 0 {
			t.Fatalf("a client ended with %d: %v\n%s", r.Code, err, r.Stderr)
		}
		check(t, w, x, expectation{wells: 4})
		for _, v := range x.Wells {
			if v.Well == "A01" && v.Attempts != 1 {
				t.Errorf("the worker that was running was not taken over: %d attempts", v.Attempts)
			}
		}
	}
	if !harness.AwaitGone(pid, 0) {
		t.Error("the worker is left")
	}
}

// A server that dies with a submission, before or after it is on record but in
// any case before it has replied, is followed by one that has the plate once;
// the client that handed it in never learns of that.
func TestFaultReplyIsLost(t *testing.T) {
	t.Parallel()
	reference(t, stopWells)
	for _, point := range []string{"save#1", "saved#1"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAILPOINT_DIR", w.Path())
			w.Setenv("WELLHOUSE_FAILPOINT", point)
			r := w.Want(0, "run", plateOf(t, w, stopWells), "-p", w.Pipeline(harness.Nuclei), "--json")
			if _, err := os.Stat(w.Path("fired-0")); err != nil {
				t.Errorf("the server did not die: %v\n%s", err, r.Stderr)
			}
			if err := client.AwaitEnd(w.Context(), client.Options{Places: w.Places, Port: place.DefaultPort}); err != nil {
				t.Fatal(err)
			}
			w.Serve()
			var all message.HistoryReply
			if err := w.Client().Call(w.Context(), message.History{}, &all); err != nil || len(all.Executions) != 1 {
				t.Fatalf("the records have %d executions: %v", len(all.Executions), err)
			}
			check(t, w, w.Status(all.Executions[0].ExecutionID), expectation{wells: stopWells})
		})
	}
}

// onlyExecution waits until the server has an execution, and returns its id.
func onlyExecution(t *testing.T, w *harness.World) string {
	t.Helper()
	c := w.Client()
	for w.Context().Err() == nil {
		var all message.StatusReply
		if err := c.Call(w.Context(), message.Status{}, &all); err != nil {
			t.Fatal(err)
		}
		if len(all.Executions) > 0 {
			return all.Executions[0]
		}
	}
	t.Fatal("nothing was submitted")
	return ""
}

// Workers whose server does not come back end themselves; when one comes at
// last, their wells are neither cancelled nor failed.
func TestFaultOrphansGiveUp(t *testing.T) {
	t.Parallel()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Setenv("WELLHOUSE_ORPHAN_GRACE", "500ms")
	server := w.Serve("--workers", "2", "--spares", "0")
	id := w.Submit(plateOf(t, w, 4), waiting("600", "1"), "--retries", "0")
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	if !harness.AwaitGone(pid, gone) {
		t.Fatal("the worker goes on without a server")
	}
	w.Serve("--workers", "2", "--spares", "0")
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 4})
}

// A service manager sends SIGTERM to the server and its workers at once: the next
// server goes on where they were.
func TestFaultWholeGroupIsTerminated(t *testing.T) {
	t.Parallel()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "2", "--spares", "0", "--drain", "1s")
	id := w.Submit(plateOf(t, w, 4), waiting("600", "1"), "--retries", "0")
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	for _, pid := range w.Processes() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	if r := server.Wait(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	w.Serve("--workers", "2", "--spares", "0")
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 4})
}

// An execution can be cancelled before its server dies or when it was taken over,
// and then nothing of it runs.
func TestFaultCancelledAndRestarted(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"cancelled first", "restarted first"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			server := w.Serve("--workers", "2", "--spares", "0")
			id := w.Submit(plateOf(t, w, 4), steps("fault_ignore_stop", "wells: [A01]"), "--set", "grace=2s")
			ended := follow(w, id)
			w.Await(id, "a stubborn worker", nil, started("A01", "fault"))
			pid := pidOf(t, w, "A01")
			if first == "cancelled first" {
				w.OK("cancel", id)
			}
			server.Kill()
			w.Serve("--workers", "2", "--spares", "0")
			if first == "restarted first" {
				w.OK("cancel", id)
			}
			x, err := ended()
			if err != nil {
				t.Fatal(err)
			}
			if x.Status != enums.ExecutionCancelled {
				t.Errorf("it ended as %s", x.Status)
			}
			if !harness.AwaitGone(pid, gone) {
				t.Error("the worker is left")
			}
			leftovers(t, w, x)
		})
	}
}

// Somebody removes the results folder, or the images, under a running plate: it
// pauses or ends, says why, and the server lives to run the next.
func TestFaultFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"results", "images"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			w.Serve("--workers", "1", "--spares", "0")
			plate := plateOf(t, w, 4)
			id := w.Submit(plate, waiting("0.5", "0"), "--out", w.Path("results", "out"), "--retries", "0")
			w.Await(id, "a waiting worker", nil, started("A01", "fault"))
			gone := map[string]string{"results": w.Path("results", "out"), "images": plate}[what]
			if err := os.RemoveAll(gone); err != nil {
				t.Fatal(err)
			}
			end := enums.ExecutionFailed
			if what == "results" { // as if its share was not mounted: it may come back
				w.Await(id, "the pause", func(x message.Execution) bool { return strings.Contains(x.Hold, "is not there any more") }, nil)
				w.OK("cancel", id)
				end = enums.ExecutionCancelled
			}
			x := w.AwaitEnd(id)
			if x.Status != end || text(x.Error) == "" {
				t.Errorf("it ended as %s: %s", x.Status, text(x.Error))
			}
			for _, v := range x.Wells {
				if !v.Status.Final() || v.Status == enums.WellFailed && v.Error == "" {
					t.Errorf("well %s is %s: %q", v.Well, v.Status, v.Error)
				}
			}
			if what == "images" {
				return
			}
			x = w.AwaitEnd(w.Submit(plate, harness.Nuclei, "--out", filepath.Join(w.Path("results"), "again")))
			check(t, w, x, expectation{wells: 4})
		})
	}
}
