package cli

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

func TestPs(t *testing.T) {
	w := faulty(t)
	s := w.Serve("--workers", "2", "--spares", "0")
	id := w.Submit(w.Plate(), harness.Fault("fault_sleep", long))
	w.AwaitRunning(id)
	w.Await(id, "two running wells", func(x message.Execution) bool {
		n := 0
		for _, v := range x.Wells {
			if v.Status == "running" && v.Step == "fault" {
				n++
			}
		}
		return n == 2
	}, nil)
	var shot snapshot
	w.JSON(&shot, "ps")
	if shot.Source != fromServer || shot.Tree.PID != s.Pid() || shot.Tree.MemoryMB <= 0 || shot.Tree.Age <= 0 {
		t.Fatalf("ps --json gave %+v", shot)
	}
	wells := map[string]message.Process{}
	for _, p := range shot.Tree.Children {
		if p.Well != "" {
			wells[p.Well] = p
		}
	}
	for _, well := range []string{"A01", "A02"} {
		if p := wells[well]; p.Execution != id || p.Attempt != 1 || p.Step != "fault" || p.MemoryMB <= 0 {
			t.Errorf("the worker of %s is %+v", well, p)
		}
	}
	contains(t, w.OK("ps"), "WELL", "A01", "A02", "fault", id[:8], "server")
	contains(t, w.OK("ps", "--tree"), "└ worker")

	// The server is stuck: the process table knows as much as it can.
	s.Signal(syscall.SIGSTOP)
	r := w.Want(0, "ps", "--json")
	var table snapshot
	decode(t, r.Stdout, &table)
	contains(t, r.Stderr, "does not answer", strconv.Itoa(s.Pid()))
	if table.Source != fromTable || table.Tree.PID != s.Pid() {
		t.Errorf("ps --json gave %+v", table)
	}
	marked := 0
	for _, p := range table.Tree.Children {
		if p.Execution == id && (p.Well == "A01" || p.Well == "A02") && p.Attempt == 1 {
			marked++
		}
	}
	if marked != 2 {
		t.Errorf("the wells of %d workers are known: %+v", marked, table.Tree.Children)
	}
	s.Signal(syscall.SIGCONT)
	w.OK("cancel", id)
	w.AwaitEnd(id)
}

func TestPsWatch(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	p := w.Start("ps", "--watch", "--interval", "100ms", "--json")
	p.AwaitStdout(`(?s)\n.*\n.*\n`)
	p.Signal(os.Interrupt)
	r := p.Wait()
	if r.Code != 130 {
		t.Errorf("it ended with %d: %s", r.Code, r.Stderr)
	}
	for line := range strings.Lines(r.Stdout) {
		var shot snapshot
		if err := json.Unmarshal([]byte(line), &shot); err != nil || shot.Tree.PID != s.Pid() {
			t.Errorf("%v in %q", err, line)
		}
	}
	lacks(t, w.OK("ps"), "\x1b")
}

// Many workers in a small window push neither the server nor the head out of it.
func TestPsFitsItsWindow(t *testing.T) {
	t.Parallel()
	text := "time\nhead\nserver └ ä\nA01\nA02\nA03\n"
	for _, test := range []struct {
		columns, rows int
		want          string
	}{
		{0, 0, text},
		{80, 7, text},
		{10, 6, "time\nhead\nserver └ ä\nA01\n… and 2 mo\n"},
		{8, 4, "time\nhead\n… and 4 \n"},
		{80, 1, text}, // nothing helps there
	} {
		if got := fit(text, test.columns, test.rows); got != test.want {
			t.Errorf("in %d columns and %d rows it is %q, want %q", test.columns, test.rows, got, test.want)
		}
	}
}

// A server shows the workers that it took over, and what a worker left running
// below that worker, though the kernel has both elsewhere; when it is stuck, the
// process table shows them.
func TestPsAfterARestart(t *testing.T) {
	w := faulty(t)
	flags := []string{"--workers", "2", "--spares", "0", "--data-dir", w.Path("records")}
	s := w.Serve(flags...)
	child := "  - {name: child, function: fault_grandchild, with: {duration: 600, wells: [A01]}}\n"
	pipeline := strings.Replace(harness.Fault("fault_sleep", long), "steps:\n", "steps:\n"+child, 1)
	id := w.Submit(w.Plate(), pipeline)
	for life := range 2 {
		for _, well := range []string{"A01", "A02"} {
			w.Await(id, "a running "+well, func(x message.Execution) bool {
				for _, v := range x.Wells {
					if v.Well == well {
						return v.Status == "running" && (v.Step == "fault" || life > 0)
					}
				}
				return false
			}, nil)
		}
		for _, stuck := range []bool{false, true} {
			if stuck {
				s.Signal(syscall.SIGSTOP)
			}
			var shot snapshot
			decode(t, w.Want(0, "ps", "--json").Stdout, &shot)
			found := map[string]string{}
			for _, p := range shot.Tree.Children {
				found[p.Well] = p.Name
				for _, below := range p.Children {
					found[p.Well] += " " + below.Name
				}
			}
			if len(found) != 2 || !strings.HasSuffix(found["A01"], " sleep") || found["A02"] == "" {
				t.Errorf("ps --json shows %v in life %d (stuck: %t)", found, life, stuck)
			}
		}
		s.Kill()
		s = w.Serve(flags...)
	}
}
