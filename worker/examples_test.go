package worker_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Every example parses, compiles for a plate it is meant for, and finds nuclei.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no examples")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			def, err := pipeline.Parse(file, text, function.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			index := synth(t, plate.Synthesis{Channels: 2, Planes: 2})
			plan, err := pipeline.Compile(def, index, index.Wells(), pipeline.Configuration{}, function.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			task, err := plan.Task("A01")
			if err != nil {
				t.Fatal(err)
			}
			task.Execution, task.Directory = "x1", t.TempDir()
			outcome, _ := run(t, worker.Executor{}, task)
			if outcome.Reason != enums.ReasonOK || outcome.Counts["Nuclei"] == 0 {
				t.Errorf("outcome = %+v", outcome)
			}
		})
	}
}

// The default example spells out the defaults of segment_nuclei.
func TestNucleiExampleUsesTheDefaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/nuclei.yaml")
	if err != nil {
		t.Fatal(err)
	}
	def, err := pipeline.Parse("nuclei.yaml", text, function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	segment, err := function.Builtin().Get("segment_nuclei")
	if err != nil {
		t.Fatal(err)
	}
	if got := def.Steps[0].Branches[0].Calls[0].Parameters; got != segment.Parameters {
		t.Errorf("got %+v, the defaults are %+v", got, segment.Parameters)
	}
}

// The plates that microscopes wrote, through the examples meant for them.
func TestExamplesOnRealPlates(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("slow")
	}
	for _, c := range []struct{ folder, example string }{
		{"transfluor_row_O/images", "nuclei.yaml"},
		{"imagexpress_faim/resources/ImageXpress/Projection-Mix", "zproject.yaml"},
	} {
		t.Run(c.example, func(t *testing.T) {
			t.Parallel()
			dir := os.Getenv("WELLHOUSE_DATA")
			if dir == "" {
				dir = filepath.Join("..", "..", "shared", "data")
			}
			dir, err := filepath.Abs(filepath.Join(dir, filepath.FromSlash(c.folder)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(dir); err != nil {
				t.Skip("real sample plates not present")
			}
			index, err := plate.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("../examples/" + c.example)
			if err != nil {
				t.Fatal(err)
			}
			def, err := pipeline.Parse(c.example, text, function.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			plan, err := pipeline.Compile(def, index, index.Wells(), pipeline.Configuration{}, function.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			task, err := plan.Task(index.Wells()[0])
			if err != nil {
				t.Fatal(err)
			}
			task.Execution, task.Directory = "x1", t.TempDir()
			outcome, tables := run(t, worker.Executor{}, task)
			if outcome.Reason != enums.ReasonOK || outcome.Counts["Nuclei"] == 0 {
				t.Errorf("outcome = %+v", outcome)
			}
			t.Logf("%d objects, estimated peak %d MiB\n%.400s\n%s", outcome.Counts["Nuclei"], plan.Wells[0].PeakBytes>>20, tables["Nuclei"], tables["sites"])
		})
	}
}
