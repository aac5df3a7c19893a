package e2e

import (
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// A well that takes more memory than it may costs itself, and is told as
// out_of_memory with its peak; with retries it gets twice as much each time,
// until it is enough.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	w := plainWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	dir := w.Synthesize(plate.Synthesis{Wells: 4})
	pipeline := w.Pipeline(harness.Nuclei + "  - name: greedy\n    function: fault_memory\n    with: {bytes: 400000000, wells: [A02]}\n")
	run := func(code int, out, retries string) []row {
		t.Helper()
		w.Want(code, "run", dir, "-p", pipeline, "--out", out, "--set", "memory=160MiB", "--retries", retries, "--workers", "2")
		for name, r := range wells(t, out) {
			if name != "A02" && r["Status"] != "complete" {
				t.Errorf("%s: %v", name, r)
			}
		}
		return attempts(t, out)["A02"]
	}
	if log := run(1, w.Path("one"), "0"); len(log) != 1 || log[0]["Reason"] != "out_of_memory" || log[0]["LastStep"] != "greedy" {
		t.Errorf("the greedy well ended as %v", log)
	}
	says(t, wells(t, w.Path("one"))["A02"]["Error"], "160 MiB")
	log := run(0, w.Path("three"), "2")
	if len(log) != 3 {
		t.Fatalf("the greedy well had %d attempts, want 3: %v", len(log), log)
	}
	for i, r := range log {
		want := map[bool]string{true: "out_of_memory", false: "ok"}[i < 2]
		if r["Reason"] != want {
			t.Errorf("attempt %d ended as %s, want %s: %s", i+1, r["Reason"], want, r["Error"])
		}
		if i > 0 && r.number(t, "PeakMemory") <= log[i-1].number(t, "PeakMemory") {
			t.Errorf("attempt %d reached %s bytes, the one before %s", i+1, r["PeakMemory"], log[i-1]["PeakMemory"])
		}
	}
}
