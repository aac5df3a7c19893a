package e2e

import (
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// The same plate and pipeline give the same bytes, however many wells run at
// once, however many threads a well has, in which order they end, and whether
// all ran at once or some were kept from before.
func TestResultsDoNotDependOnHowTheyWereComputed(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve("--workers", "4")
	dir := w.Synthesize(plate.Synthesis{Wells: 8, Rows: 2, Columns: 2, Channels: 2, Cells: 6})
	run := func(name string, flags ...string) string {
		out := w.Path(name)
		w.OK(append([]string{"run", dir, "-p", example(t, "nuclei.yaml"), "--out", out}, flags...)...)
		return out
	}
	want := run("one", "--workers", "1", "--set", "threads=1")
	for name, out := range map[string]string{
		"four wells at once": run("four", "--workers", "4", "--set", "threads=1"),
		"three threads":      run("threads", "--workers", "2", "--set", "threads=3"),
		"in two parts":       run("parts", "--wells", "row:B"),
	} {
		if name == "in two parts" {
			run("parts", "--wells", "!row:B")
		}
		for _, file := range []string{"wells.csv", "sites.csv", "Nuclei.csv", "plate.svg", "plate.png"} {
			if w.Read(filepath.Join(out, file)) != w.Read(filepath.Join(want, file)) {
				t.Errorf("%s: %s differs from that of one well at a time", name, file)
			}
		}
	}
}
