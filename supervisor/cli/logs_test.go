package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Logs are found without a path, with a server and without.
func TestLogs(t *testing.T) {
	w := faulty(t)
	s := w.Serve("--workers", "2")
	ids := []string{
		w.Submit(w.Plate(), harness.Fault("fault_exit", "code: 7, wells: [A02]"), "--retries", "0"),
		w.Submit(w.Plate(), harness.Nuclei),
	}
	for _, id := range ids {
		w.AwaitEnd(id)
	}
	look := func() {
		t.Helper()
		whole := w.OK("logs")
		contains(t, whole, "server-7777: server is ready", "-"+ids[1][:8]+": well complete")
		lacks(t, whole, "-"+ids[0][:8]+": ")
		if !inOrder(whole) {
			t.Errorf("not in order of time:\n%s", whole)
		}
		one := w.OK("logs", ids[0][:5], "--well", "a2")
		contains(t, one, "well=A02", "reason=panic")
		lacks(t, one, "well=A01", "server-7777")
		contains(t, w.OK("logs", "server", "--grep", "server is (ready|gone)"), "server is ready")
		if warnings := w.OK("logs", ids[0], "--level", "warn"); strings.Count(warnings, "\n") != 1 {
			t.Errorf("warnings are\n%s", warnings)
		}
		last := w.Want(0, "logs", ids[0], "-n", "1")
		contains(t, last.Stderr, "earlier lines are left out")
		if strings.Count(last.Stdout, "\n") != 1 {
			t.Errorf("-n 1 gave %q", last.Stdout)
		}
		var entry map[string]string
		decode(t, w.OK("logs", ids[0], "--level", "warn", "--json"), &entry)
		if entry["well"] != "A02" || entry["level"] != "WARN" || entry["time"] == "" || entry["msg"] != "well ended" {
			t.Errorf("--json gave %v", entry)
		}
	}
	look()
	s.Stop()
	look()
	contains(t, w.Want(2, "logs", "ffffffff").Stderr, "no log of an execution", "supervisor history")
	w.Want(2, "logs", "--grep", "(")
	w.Want(2, "logs", "--level", "loud")
	contains(t, w.OK("__complete", "wait", ""), ids[0][:8], ids[1][:8])
}

// inOrder tells whether lines that begin with a time are sorted.
func inOrder(lines string) bool {
	before := ""
	for line := range strings.Lines(lines) {
		if line[:24] < before {
			return false
		}
		before = line[:24]
	}
	return true
}

// What a function writes does not steer the terminal of who reads its log.
func TestLogsAreText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out}
	if err := a.writeEntries([]logfile.Entry{{Source: "x", Message: "\x1b[31mred\r\x00 ä"}}); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "\ufffd[31mred\ufffd\ufffd ä\n")
	lacks(t, out.String(), "\x1b")
}

func TestFollowLogs(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	p := w.Start("logs", "--follow")
	p.AwaitStdout("server is ready")
	id := w.Submit(w.Synthesize(plate.Synthesis{Wells: 2}), harness.Fault("fault_panic", "wells: [A01]"), "--retries", "0")
	p.AwaitStdout(id[:8] + ".*: well ended .*well=A01")
	p.AwaitStdout(id[:8] + ".*: well ended .*well=A02")
	w.AwaitEnd(id)
	p.AwaitStdout("phase=failed")
	p.Signal(os.Interrupt)
	r := p.Wait()
	if r.Code != 130 {
		t.Errorf("it ended with %d: %s", r.Code, r.Stderr)
	}
	// What the worker said is shown once, though it is in two files for a while.
	if n := strings.Count(r.Stdout, ": panic: this panic was asked for"); n != 1 {
		t.Errorf("the panic is shown %d times:\n%s", n, r.Stdout)
	}
	if n := strings.Count(r.Stdout, ": well complete"); n != 1 {
		t.Errorf("the complete well is shown %d times:\n%s", n, r.Stdout)
	}
}

// Clients choose ids, so that those of two executions may begin alike: what the
// one's wells say is neither mixed with nor removed by the other.
func TestLogsOfIDsThatBeginAlike(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	dir := w.Synthesize(plate.Synthesis{Wells: 1})
	const first, second = "01932f6e-0001-7000-8000-000000000001", "01932f6e-0002-7000-8000-000000000002"
	submit := func(id, pipeline string) {
		t.Helper()
		_, err := w.Client().Submit(w.Context(), message.Execute{SubmissionID: id, PlateID: dir, PipelineCode: pipeline, OutputPath: w.Path(id)})
		if err != nil {
			t.Fatal(err)
		}
	}
	submit(first, harness.Fault("fault_sleep", long))
	w.AwaitRunning(first)
	submit(second, harness.Nuclei)
	w.AwaitEnd(second)
	w.Read(logfile.Dir(w.Places.Logs()).WorkerPath(first, "A01", 1)) // not removed with the second one's
	own := w.OK("logs", second)
	contains(t, own, "-01932f6e: well complete")
	for line := range strings.Lines(w.OK("logs", second, "--files")) {
		if !strings.Contains(line, second) {
			t.Errorf("%s is not its own", line)
		}
	}
	contains(t, w.OK("logs", second[:14]), "well complete")
	lacks(t, w.OK("logs", first[:14]), "well complete")
	contains(t, w.Want(2, "logs", second[:8]).Stderr, "01932f6e is ambiguous: ", first, second)
	w.OK("cancel", first)
	w.AwaitEnd(first)
}

// Logs of another machine cannot be read, which is said and not guessed at.
func TestLogsOfAnotherMachine(t *testing.T) {
	t.Parallel()
	code, out, errs := here(t, "logs", "-f", "--connect", "elsewhere")
	if code != ExitUsage || out != "" {
		t.Errorf("it ended with %d and %q", code, out)
	}
	contains(t, errs, "--connect elsewhere", "run `supervisor logs` there")
}
