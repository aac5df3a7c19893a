package cli

import (
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Clients that come at once, on a machine without a server, give one server,
// which ends when nobody needs it any more.
func TestClientsAtOnce(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	pipeline := w.Pipeline(harness.Nuclei)
	var all []*harness.Process
	for range 4 {
		all = append(all, w.Start("run", w.Plate(), "-p", pipeline, "--detach", "--json"))
	}
	ids := map[string]bool{}
	for _, p := range all {
		r := p.Wait()
		if r.Code != 0 {
			t.Fatalf("run ended with %d: %s", r.Code, r.Stderr)
		}
		var accepted message.Accepted
		decode(t, r.Stdout, &accepted)
		ids[accepted.ExecutionID] = true
	}
	for id := range ids {
		w.Want(0, "wait", id)
	}
	var history []message.Execution
	w.JSON(&history, "history")
	if len(ids) != 4 || len(history) != 4 {
		t.Errorf("%d executions were accepted, %d are recorded", len(ids), len(history))
	}
	for _, pid := range w.Processes() {
		if !harness.AwaitGone(pid, harness.Patience) {
			t.Errorf("process %d stays", pid)
		}
	}
	// The next command starts another and finds what was recorded.
	w.JSON(&history, "history")
	if len(history) != 4 {
		t.Errorf("%d executions are recorded", len(history))
	}
	for id := range ids {
		w.OK("results", id)
	}
}
