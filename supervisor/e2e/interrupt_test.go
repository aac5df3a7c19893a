package e2e

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// begun starts a run of 4 wells of which A01 completes and the others are busy
// with the given fault, and waits until that is so.
func begun(t *testing.T, w *harness.World, function, parameters string, flags ...string) (run *harness.Process, id, out string) {
	t.Helper()
	out = w.Path("out")
	text := strings.Replace(harness.Nuclei, "steps:\n",
		"steps:\n  - name: busy\n    function: "+function+"\n    with: {"+parameters+"wells: [A02, A03, B01]}\n", 1)
	args := append([]string{"run", w.Synthesize(plate.Synthesis{Wells: 4}), "-p", w.Pipeline(text), "--out", out, "--workers", "3"}, flags...)
	run = w.Start(args...)
	id = run.AwaitStderr(`\(execution ([0-9a-f-]+)\)`)[1]
	run.AwaitStderr(`A01  complete`)
	w.AwaitRunning(id)
	return run, id, out
}

// cancelled holds what an interrupted run leaves: finished wells keep their
// results, the others are cancelled, the tables agree, no worker lives.
func cancelled(t *testing.T, w *harness.World, out string) {
	t.Helper()
	found := wells(t, out)
	for name, r := range found {
		if want := map[bool]string{true: "complete", false: "cancelled"}[name == "A01"]; r["Status"] != want {
			t.Errorf("%s is %s, want %s", name, r["Status"], want)
		}
	}
	if len(found) != 4 {
		t.Errorf("wells.csv has %d wells, want 4", len(found))
	}
	tablesAgree(t, out)
	noWorker(t, w)
}

// noWorker fails when one of the world's processes is a worker.
func noWorker(t *testing.T, w *harness.World) {
	t.Helper()
	for _, pid := range w.Processes() {
		if line := commandLine(pid); strings.HasSuffix(line, " worker") {
			t.Errorf("process %d is left: %s", pid, line)
		}
	}
}

// commandLine is what a process was started with, "" when it is gone.
func commandLine(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}

// Ctrl-C, a closed terminal and a polite kill end the run within seconds: the
// execution is cancelled and merged, nothing is left, and the same command
// takes up where it was.
func TestInterruptedRun(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "hangup": syscall.SIGHUP, "terminate": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			w := faulty(t)
			run, id, out := begun(t, w, "fault_sleep", "duration: 600, ")
			run.Signal(signal)
			sent := time.Now()
			r := run.Wait()
			if r.Code != 130 || time.Since(sent) > 20*time.Second {
				t.Errorf("exit code %d after %s, want 130 within seconds: %s", r.Code, time.Since(sent), r.Stderr)
			}
			says(t, r.Stdout, "cancelled, 1 of 4 wells complete", "same command again")
			says(t, r.Stderr, "interrupted: cancelling")
			cancelled(t, w, out)
			if x := w.Status(id); x.Status != enums.ExecutionCancelled {
				t.Errorf("the execution is %s", x.Status)
			}
		})
	}
}

// Wells that ignore every polite request are killed when their grace is over;
// the second Ctrl-C does not wait for that.
func TestSecondInterruptKills(t *testing.T) {
	w := faulty(t)
	run, _, out := begun(t, w, "fault_ignore_stop", "", "--set", "grace=5m")
	run.Signal(syscall.SIGINT)
	run.AwaitStderr("interrupted: cancelling; once more")
	run.Signal(syscall.SIGINT)
	sent := time.Now()
	r := run.Wait()
	if r.Code != 130 || time.Since(sent) > 20*time.Second {
		t.Errorf("exit code %d after %s, want 130 at once: %s", r.Code, time.Since(sent), r.Stderr)
	}
	says(t, r.Stdout, "cancelled, 1 of 4 wells complete")
	cancelled(t, w, out)
}

// `cancel --force` does the same for an execution that somebody else watches,
// who is told with exit code 4.
func TestForcedCancel(t *testing.T) {
	w := faulty(t)
	run, id, out := begun(t, w, "fault_hang", "mode: busy, ", "--set", "grace=5m")
	says(t, w.OK("cancel", "--force", id), "being cancelled")
	if r := run.Wait(); r.Code != 4 {
		t.Errorf("exit code %d, want 4: %s", r.Code, r.Stderr)
	}
	cancelled(t, w, out)
}

// A client that is killed takes nothing with it: the execution goes on, and its
// server ends by itself when it is done.
func TestKilledClientLeavesTheRunAlone(t *testing.T) {
	w := faulty(t)
	run, id, out := begun(t, w, "fault_sleep", "duration: 2, ")
	run.Signal(syscall.SIGKILL)
	run.Wait()
	if x := w.AwaitEnd(id); x.Status != enums.ExecutionComplete {
		t.Errorf("the execution ended as %s", x.Status)
	}
	if len(wells(t, out)) != 4 {
		t.Error("wells are missing")
	}
}

// `run --json | head -1`: whoever reads has seen enough. The plate is run all
// the same, and the exit code tells its outcome.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for _, json := range []bool{true, false} {
		out := w.Path("out")
		args := []string{"run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", out, "--fresh"}
		if json {
			args = append(args, "--json")
		}
		command := w.Command(harness.Binary(t), args...)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		command.Stdout, command.Stderr = write, &said
		if !json {
			command.Stderr = write
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		_ = write.Close()
		if line, err := bufio.NewReaderSize(read, 16).ReadSlice('\n'); len(line) == 0 {
			t.Errorf("nothing came: %v", err)
		}
		_ = read.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("--json=%v: the run ended with %v: %s", json, err, said.String())
		}
		if json {
			says(t, said.String(), "nobody reads the output any more", "complete")
		}
		if found := wells(t, out); len(found) != 4 || found["A01"]["Status"] != "complete" {
			t.Errorf("--json=%v: wells.csv has %v", json, found)
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
}

// Output that cannot be written for another reason is an error, though the
// results are there.
func TestOutputOntoAFullDevice(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	command := w.Command(harness.Binary(t), "run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", w.Path("out"))
	var said strings.Builder
	command.Stdout, command.Stderr = full, &said
	if err := command.Run(); err == nil || command.ProcessState.ExitCode() != 5 {
		t.Errorf("the run ended with %v, want exit code 5", err)
	}
	says(t, said.String(), "no space left")
	if len(wells(t, w.Path("out"))) != 4 {
		t.Error("wells are missing")
	}
}

// `shutdown --force` ends the server though wells ignore it and have a long
// grace, within the half minute that a stop waits for them.
func TestShutdownKillsWhatDoesNotEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for half a minute")
	}
	w := faulty(t)
	s := w.Serve("--workers", "2")
	id := w.Submit(w.Plate(), harness.Fault("fault_ignore_stop", ""), "--out", w.Path("out"), "--set", "grace=5m")
	w.AwaitRunning(id)
	w.OK("shutdown", "--force")
	if r := s.Wait(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if left := w.Processes(); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	for name, r := range wells(t, w.Path("out")) {
		if r["Status"] != "cancelled" {
			t.Errorf("%s is %s, want cancelled", name, r["Status"])
		}
	}
}

// Ctrl-C while the server is still being looked for, here one that hangs, does
// not wait for it.
func TestInterruptBeforeThePlateIsHandedIn(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	run := w.Start("run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", w.Path("out"))
	awaitText(t, w.Places.StartLock(place.DefaultPort), strconv.Itoa(run.Pid())) // it wants to start one by now
	sent := time.Now()
	run.Signal(syscall.SIGINT)
	r := run.Wait()
	if r.Code != 130 || time.Since(sent) > 5*time.Second {
		t.Errorf("exit code %d after %s, want 130 at once: %s", r.Code, time.Since(sent), r.Stderr)
	}
	says(t, r.Stderr, "interrupted before the plate was handed in")
	absent(t, w.Path("out"))
}

// awaitText waits until a file holds the text. No event tells of that, so this
// looks again and again.
func awaitText(t *testing.T, path, want string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(harness.Patience); time.Now().Before(end); <-tick.C {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), want) {
			return
		}
	}
	t.Fatalf("%s does not hold %q", path, want)
}

// A server that is told to end takes the reply that is on its way with it when
// the client is slow to read. That is no failure, and nobody waits for it.
func TestShutdownIsNotAFailure(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for range 5 {
		s := w.Serve("--workers", "1")
		asked := time.Now()
		says(t, w.OK("shutdown", "--force"), "The server has ended.")
		if took := time.Since(asked); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
		if r := s.Wait(); r.Code != 0 {
			t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
		}
	}
}
