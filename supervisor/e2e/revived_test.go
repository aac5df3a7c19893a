package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// The server that a run started dies in the middle: the run starts another,
// which takes over the living workers, and the plate is complete, each well in
// its first attempt.
func TestRunOutlivesItsServer(t *testing.T) {
	w := faulty(t)
	out := w.Path("out")
	text := strings.Replace(harness.Nuclei, "steps:\n", "steps:\n  - name: busy\n    function: fault_sleep\n    with: {duration: 6, wells: [A02, A03]}\n", 1)
	run := w.Start("run", w.Synthesize(plate.Synthesis{Wells: 4}), "-p", w.Pipeline(text), "--out", out, "--workers", "2")
	id := run.AwaitStderr(`\(execution ([0-9a-f-]+)\)`)[1]
	w.Await(id, "two busy wells", func(x message.Execution) bool {
		busy := 0
		for _, v := range x.Wells {
			if (v.Well == "A02" || v.Well == "A03") && v.Step == "busy" {
				busy++
			}
		}
		return busy == 2
	}, nil)
	var tree struct {
		Tree message.Process `json:"tree"`
	}
	w.JSON(&tree, "ps")
	if err := syscall.Kill(tree.Tree.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := run.Wait()
	if r.Code != 0 {
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
	says(t, r.Stderr, "the server does not answer", "started another server")
	found := wells(t, out)
	if len(found) != 4 {
		t.Errorf("wells.csv has %d wells, want 4", len(found))
	}
	for name, v := range found {
		if v["Status"] != "complete" || v["Attempts"] != "1" {
			t.Errorf("%s: %v, want complete in the first attempt", name, v)
		}
	}
	tablesAgree(t, out)
}
