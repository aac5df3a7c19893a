package e2e

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// `run --json` is one event a line, each once and in order, percent never
// falling, and the outcome last.
func TestJSONIsOneEventPerLine(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve("--workers", "2")
	for range 3 {
		r := w.Want(0, "run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", w.Path("out"), "--fresh", "--json")
		lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		sequence, percent, phases := 0, map[string]float64{}, map[string][]string{}
		for _, line := range lines[:len(lines)-1] {
			var e struct {
				Type     string  `json:"type"`
				Well     string  `json:"axis_id"`
				Phase    string  `json:"phase"`
				Percent  float64 `json:"percent"`
				Sequence int     `json:"progress_sequence"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type != "progress" {
				t.Fatalf("not an event (%v): %s", err, line)
			}
			if e.Sequence <= sequence {
				t.Errorf("event %d follows event %d", e.Sequence, sequence)
			}
			if e.Percent < percent[e.Well] || e.Percent > 100 {
				t.Errorf("%q went from %g %% to %g %%: %s", e.Well, percent[e.Well], e.Percent, line)
			}
			sequence, percent[e.Well] = e.Sequence, e.Percent
			phases[e.Well] = append(phases[e.Well], e.Phase)
		}
		if x := outcome(t, r); x.Status != "complete" || len(x.Wells) != 4 {
			t.Errorf("the outcome is %s of %d wells", x.Status, len(x.Wells))
		}
		for _, well := range []string{"A01", "A02", "A03", "B01"} {
			if !slices.Contains(phases[well], "axis_completed") {
				t.Errorf("%s never completed: %v", well, phases[well])
			}
		}
		if err := os.RemoveAll(w.Path("out")); err != nil {
			t.Fatal(err)
		}
	}
}
