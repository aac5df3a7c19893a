//go:build linux

package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// plateOn is the plate of plateOf on a share.
func plateOn(t *testing.T, s *share, wells int) string {
	t.Helper()
	dir := filepath.Join(s.dir, "plate")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range images(t, wells) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Everything a plate and its results ask of a file system, a share of the tests
// has; else the others would prove nothing.
func TestFaultMountIsSound(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := mountShare(t, w, "share")
	w.Serve("--workers", "2")
	x := w.AwaitEnd(w.Submit(plateOn(t, s, 4), harness.Nuclei))
	check(t, w, x, expectation{wells: 4})
}

// attentive fails the test unless the server answers at once, whatever hangs.
func attentive(t *testing.T, w *harness.World, id string) message.Execution {
	t.Helper()
	c := w.Client()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Call(ctx, message.Ping{}, &message.Pong{}); err != nil {
		t.Fatalf("the server does not answer a ping: %v", err)
	}
	x, err := c.Status(ctx, id)
	if err != nil {
		t.Fatalf("the server does not tell a status: %v", err)
	}
	return x
}

// later is a pipeline whose images are read again when well A01 has waited: time
// for a fault to strike between the check of a plate and its wells.
var later = strings.Replace(harness.Nuclei, "steps:\n  - name: nuclei\n", "steps:\n"+
	"  - {name: wait, function: fault_sleep, with: {wells: [A01], duration: 1}}\n  - name: nuclei\n    from: pipeline_start\n", 1)

// The images of one well hang: no signal ends its worker. The well ends by its
// time limit, its slot is set aside, and everything else goes on.
func TestFaultMountHangsForOneWell(t *testing.T) {
	t.Parallel()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := mountShare(t, w, "share")
	w.Serve("--workers", "2", "--spares", "0")
	plate := plateOn(t, s, 4)
	id := w.Submit(plate, later, "--set", "timeout=3s", "--set", "grace=1s")
	w.Await(id, "a waiting worker", nil, started("A01", "wait"))
	pid := pidOf(t, w, "A01")
	hangs := s.hang("plate/.*A01", both)
	hangs.awaitHit(w.Context())
	attentive(t, w, id)
	// Another plate runs beside it.
	x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei))
	if problem := examine(t, x, expectation{wells: 4}); problem != "" {
		t.Error(problem)
	}
	x = w.AwaitEnd(id)
	if problem := examine(t, x, expectation{4, map[string]want{"A01": {enums.WellFailed, enums.ReasonUnkillable}}}); problem != "" {
		t.Error(problem)
	}
	if pid == 0 || harness.AwaitGone(pid, 0) {
		t.Errorf("the worker %d does not hang", pid)
	}
	attentive(t, w, id)
	hangs.lift()
	if !harness.AwaitGone(pid, gone) {
		t.Error("the worker is left when nothing hangs any more")
	}
	leftovers(t, w, x)
	// Its slot is there again.
	x = w.AwaitEnd(w.Submit(plate, harness.Nuclei))
	check(t, w, x, expectation{wells: 4})
}

// The whole share hangs while a plate on it is checked: other plates run, the one
// that hangs can be cancelled, the server can be stopped and the next one started.
func TestFaultMountHangsWhileCompiling(t *testing.T) {
	t.Parallel()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := mountShare(t, w, "share")
	server := w.Serve("--workers", "2", "--spares", "0", "--drain", "100ms")
	plate := plateOn(t, s, 4)
	inside := s.hang("plate/", both)
	id := w.Submit(plate, harness.Nuclei)
	inside.awaitHit(w.Context())
	all := s.hang("", both)
	attentive(t, w, id)
	x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--priority", "1"))
	if problem := examine(t, x, expectation{wells: 4}); problem != "" {
		t.Error(problem)
	}
	w.Await(id, "what it waits for", func(x message.Execution) bool { return strings.Contains(x.Hold, "the plate is being read") }, nil)
	w.OK("cancel", id)
	if x = w.AwaitEnd(id); x.Status != enums.ExecutionCancelled {
		t.Errorf("it ended as %s", x.Status)
	}
	// A plate that has nothing to do with the share goes on with the next server.
	id = w.Submit(plateOf(t, w, 4), waiting("600", "1"), "--retries", "0", "--out", w.Path("apart"))
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	server.Signal(syscall.SIGTERM)
	server.AwaitStderr("not everything ended")
	w.Serve("--workers", "2", "--spares", "0")
	check(t, w, w.AwaitEnd(id), expectation{wells: 4})
	all.lift()
	inside.lift()
	server.Wait()
}

// The images of one well cannot be read: its own fault when the disk says so, and
// waited for when a share is away.
func TestFaultMountFailsForOneWell(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ESTALE, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			id := w.Submit(plateOn(t, s, 4), later, "--retries", "0")
			w.Await(id, "a waiting worker", nil, started("A01", "wait"))
			fails := s.fail("plate/.*A01", both, errno)
			if errno == syscall.ESTALE {
				w.Await(id, "the pause", func(x message.Execution) bool { return strings.HasPrefix(x.Hold, "plate: ") }, nil)
				if x := attentive(t, w, id); !strings.Contains(x.Hold, errno.Error()) {
					t.Errorf("it pauses and says %q", x.Hold)
				}
				fails.lift()
				check(t, w, w.AwaitEnd(id), expectation{wells: 4})
				return
			}
			x := w.AwaitEnd(id)
			check(t, w, x, expectation{4, map[string]want{"A01": {enums.WellFailed, enums.ReasonInputUnreadable}}})
			for _, v := range x.Wells {
				if v.Well == "A01" && !strings.Contains(v.Error, errno.Error()) {
					t.Errorf("it is told as %q", v.Error)
				}
			}
		})
	}
}

// tables are the files of a merge.
const tables = "^out/(.wellhouse/merge|[^/]*csv)"

// A quota is used up, which does not show in the free space of the share: the run
// pauses and says so, and goes on when there is room.
func TestFaultMountQuota(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, pattern string }{
		{"everywhere", ""},
		{"attempts", "attempts/"},
		{"locks", "locks/"},
		{"commits", ".wellhouse/wells"},
		{"tables", tables},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			id := w.Submit(plateOf(t, w, 4), later, "--out", filepath.Join(s.dir, "out"), "--retries", "0")
			w.Await(id, "a waiting worker", nil, started("A01", "wait"))
			full := s.fail(test.pattern, writing, syscall.EDQUOT)
			w.Await(id, "the pause", func(x message.Execution) bool { return x.Hold != "" }, nil)
			x := attentive(t, w, id)
			t.Logf("it says: %s", x.Hold)
			if !strings.HasPrefix(x.Hold, "disk:") || !strings.Contains(x.Hold, "quota") {
				t.Errorf("it pauses and says %q", x.Hold)
			}
			full.lift()
			check(t, w, w.AwaitEnd(id), expectation{wells: 4})
		})
	}
}

// Results of one well cannot be written for once: it is tried again, and no
// function is blamed. Where the share is away the run waits for it, and no well is
// blamed either.
func TestFaultMountFailsResults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, pattern string
		errno         syscall.Errno
		pauses        bool
	}{
		{"attempt stale", "attempts/.*/A02.[0-9]*/", syscall.ESTALE, true},
		{"attempts stale", "attempts/", syscall.ESTALE, true},
		{"locks stale", "locks/", syscall.ESTALE, true},
		{"attempt broken", "attempts/.*/A02.1/", syscall.EIO, false},
		{"commit stale", ".wellhouse/wells/", syscall.ESTALE, true},
		{"merge stale", tables, syscall.ESTALE, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			away := s.fail(test.pattern, writing, test.errno)
			id := w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", filepath.Join(s.dir, "out"), "--retries", map[bool]string{true: "0", false: "1"}[test.pauses])
			if test.pauses {
				w.Await(id, "the pause", func(x message.Execution) bool { return x.Hold != "" }, nil)
				x := attentive(t, w, id)
				if !strings.HasPrefix(x.Hold, "disk:") || !strings.Contains(x.Hold, test.errno.Error()) {
					t.Errorf("it pauses and says %q", x.Hold)
				}
				away.lift()
			}
			x := w.AwaitEnd(id)
			check(t, w, x, expectation{wells: 4})
			for _, row := range table(t, filepath.Join(x.OutputPath, "joblog.tsv"))[1:] {
				switch failed := row[3] != string(enums.ReasonOK); {
				case failed && test.pauses && strings.Contains(row[11], test.errno.Error()):
				case failed && (test.pauses || row[1] != "A02" || row[3] != string(enums.ReasonOutputInvalid) || !strings.Contains(row[11], test.errno.Error())):
					t.Errorf("an attempt of %s ended as %s: %s", row[1], row[3], row[11])
				case !failed && row[1] == "A02" && !test.pauses && row[2] == "1":
					t.Error("nothing failed")
				}
			}
		})
	}
}

// The results folder hangs while a well is committed, or the plate is merged: others
// go on meanwhile, and it ends when nothing hangs any more.
func TestFaultMountHangsForResults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, pattern, says string }{
		{"commit", ".wellhouse/wells/", "being committed"},
		{"merge", tables, "being merged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			hangs := s.hang(test.pattern, writing)
			id := w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", filepath.Join(s.dir, "out"))
			hangs.awaitHit(w.Context())
			x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", w.Path("other")))
			if problem := examine(t, x, expectation{wells: 4}); problem != "" {
				t.Error(problem)
			}
			w.Await(id, "what it waits for", func(x message.Execution) bool { return strings.Contains(x.Hold, test.says) }, nil)
			attentive(t, w, id)
			if count(0, 1) > 0 { // it takes a minute
				w.OK("cancel", id)
				if x := w.AwaitEnd(id); x.Status != enums.ExecutionCancelled {
					t.Errorf("cancelled while it hangs it ended as %s", x.Status)
				}
			}
			hangs.lift()
			x = w.AwaitEnd(id)
			for x.Status != enums.ExecutionComplete && count(0, 1) > 0 && w.Context().Err() == nil {
				// The folder is locked until what hung in it is over.
				x = w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", filepath.Join(s.dir, "out")))
			}
			check(t, w, x, expectation{wells: 4})
		})
	}
}

// The files of attempts hang where the server prepares them, or gathers what a
// worker left: that costs no slot of plates elsewhere, is told, can be cancelled,
// and goes on with the share.
func TestFaultMountHangsForAttempts(t *testing.T) {
	t.Parallel()
	for _, gathered := range []bool{false, true} { // after the workers' death, else before they start
		t.Run(fmt.Sprint(gathered), func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			s := mountShare(t, w, "share")
			w.Serve("--workers", "2", "--spares", "0")
			var hangs *fault
			if !gathered {
				hangs = s.hang(".wellhouse/attempts/", both)
			}
			id := w.Submit(plateOf(t, w, 4), strings.Replace(waiting("600", "1"), "wells: [A01]", "wells: [A01, A02]", 1),
				"--out", filepath.Join(s.dir, "out"), "--retries", "0")
			if gathered {
				for _, well := range []string{"A01", "A02"} {
					w.Await(id, "a waiting worker", nil, started(well, "fault"))
				}
				hangs = s.hang(".wellhouse/attempts/", both)
				killWorkers(t, w)
			}
			cancelled := w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", filepath.Join(s.dir, "cancelled"))
			hangs.awaitHit(w.Context())
			x := w.AwaitEnd(w.Submit(plateOf(t, w, 4), harness.Nuclei, "--out", w.Path("other")))
			if problem := examine(t, x, expectation{wells: 4}); problem != "" {
				t.Error(problem)
			}
			w.Await(id, "what it waits for", func(x message.Execution) bool { return strings.Contains(x.Hold, "does not answer") }, nil)
			attentive(t, w, id)
			w.OK("cancel", cancelled)
			if x := w.AwaitEnd(cancelled); x.Status != enums.ExecutionCancelled {
				t.Errorf("the other one on the share ended as %s", x.Status)
			}
			hangs.lift()
			check(t, w, w.AwaitEnd(id), expectation{wells: 4})
		})
	}
}

// The server starts again and the share is not there yet, as after a power cut: what
// had begun waits for its plate, makes nothing under the mount's place, and goes on.
func TestFaultMountIsAwayAfterARestart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		errno  syscall.Errno // of the plate's folder; 0: the whole share is not mounted, and no worker survived
		says   string
		cancel bool
	}{
		{"missing", syscall.ENOENT, "no such folder", false},
		{"stale", syscall.ESTALE, "stale file handle", false},
		{"not mounted", 0, "not there any more", false},
		{"cancelled", syscall.ESTALE, "stale file handle", true},
		{"not mounted, cancelled", 0, "not there any more", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			w.Setenv("WELLHOUSE_FAULTS", "1")
			s := mountShare(t, w, "share")
			server := w.Serve("--workers", "1", "--spares", "0")
			// What waits has read its images.
			pipeline := harness.Nuclei + "  - {name: fault, function: fault_sleep, with: {wells: [A01], duration: 1}}\n"
			id := w.Submit(plateOn(t, s, 4), pipeline, "--retries", "0")
			ended := follow(w, id)
			w.Await(id, "a waiting worker", nil, started("A01", "fault"))
			server.Kill()
			comesBack := s.fail("^plate(/|$)", both, test.errno).lift
			if test.errno == 0 {
				comesBack()
				killWorkers(t, w)
				comesBack = s.cover()
			}
			w.Serve("--workers", "1", "--spares", "0")
			cause := "plate: "
			if test.errno == 0 { // nor are the results, which come first
				cause = "disk: "
			}
			w.Await(id, "the pause", func(x message.Execution) bool { return strings.HasPrefix(x.Hold, cause) }, nil)
			if x := attentive(t, w, id); !strings.Contains(x.Hold, test.says) {
				t.Errorf("it pauses and says %q", x.Hold)
			}
			if test.errno != 0 { // the results are not away
				w.Await(id, "the end of the adopted worker", func(x message.Execution) bool {
					return slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Well == "A01" && v.Status == enums.WellComplete })
				}, nil)
			}
			if test.cancel {
				w.OK("cancel", id)
			} else {
				w.Want(2, "submit", filepath.Join(s.dir, "plate"), "-p", w.Pipeline(harness.Nuclei)) // a new one is refused
				comesBack()
			}
			x, err := ended()
			if err != nil {
				t.Fatal(err)
			}
			comesBack()
			if !test.cancel {
				check(t, w, x, expectation{wells: 4})
				return
			}
			if x.Status != enums.ExecutionCancelled {
				t.Errorf("it ended as %s", x.Status)
			}
			if test.errno != 0 { // else the next run in that folder clears it up
				leftovers(t, w, x)
			}
		})
	}
}
