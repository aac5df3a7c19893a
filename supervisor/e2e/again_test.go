package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// ranAndKept counts the wells of an execution that a process worked on, and
// those that were kept from before.
func ranAndKept(x message.Execution) (ran, kept int) {
	for _, v := range x.Wells {
		if v.Reused {
			kept++
		} else {
			ran++
		}
	}
	return ran, kept
}

// Typing the same command again keeps what is finished; what has changed since,
// and everything with --fresh, is computed again.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve()
	dir, out := w.Synthesize(plate.Synthesis{Wells: 6}), w.Path("out")
	coarse := strings.Replace(harness.Nuclei, "function: segment_nuclei", "function: segment_nuclei\n    with: {min_area: 150}", 1)
	again := func(what, pipeline string, ran, kept int, flags ...string) string {
		t.Helper()
		r := w.Want(0, append([]string{"run", dir, "-p", w.Pipeline(pipeline), "--out", out, "--json"}, flags...)...)
		if gotRan, gotKept := ranAndKept(outcome(t, r)); gotRan != ran || gotKept != kept {
			t.Errorf("%s: %d wells ran and %d were kept, want %d and %d", what, gotRan, gotKept, ran, kept)
		}
		tablesAgree(t, out)
		return w.Read(filepath.Join(out, "wells.csv")) + w.Read(filepath.Join(out, "Nuclei.csv"))
	}
	first := again("the first two wells", harness.Nuclei, 2, 0, "--wells", "2")
	if len(wells(t, out)) != 2 {
		t.Errorf("wells.csv has %d wells, want the two that were chosen", len(wells(t, out)))
	}
	all := again("all wells", harness.Nuclei, 4, 2)
	if len(wells(t, out)) != 6 || all == first {
		t.Errorf("wells.csv has %d wells, want 6", len(wells(t, out)))
	}
	if got := again("nothing new", harness.Nuclei, 0, 6); got != all {
		t.Error("the tables changed though nothing ran")
	}
	if got := again("a part of it", harness.Nuclei, 0, 1, "--wells", "A02"); got != all {
		t.Error("the tables changed though one well was kept")
	}
	if got := again("fresh", harness.Nuclei, 6, 0, "--fresh"); got != all {
		t.Error("computed again, the tables differ")
	}
	changed := again("another parameter", coarse, 6, 0)
	if changed == all {
		t.Error("the tables are the same with another parameter")
	}
	// A part with the first pipeline: wells of the second may not stand beside
	// it in one table, and that they are left out is said.
	part := again("the first pipeline for one well", harness.Nuclei, 1, 0, "--wells", "A01")
	if len(wells(t, out)) != 1 || !strings.Contains(part, "A01,complete") {
		t.Errorf("wells.csv has %v, want A01 alone", wells(t, out))
	}
	says(t, w.Read(filepath.Join(out, "manifest.json")), "5 wells of an earlier run with another pipeline", "A02, A03")
	if got := again("the second pipeline again", coarse, 1, 5); got != changed {
		t.Error("the tables of the second pipeline differ when it is run again")
	}
}

// A changed image is computed again, and no other well.
func TestChangedImageIsComputedAgain(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	dir, out := w.Plate(), w.Path("out")
	run := func() message.Execution {
		return outcome(t, w.Want(0, "run", dir, "-p", w.Pipeline(harness.Nuclei), "--out", out, "--json"))
	}
	run()
	// Written again, they hold the same.
	for _, name := range []string{"plate_A01_s1_w1.tif", "plate_A03_s1_w1.tif"} {
		w.Write(strings.TrimPrefix(filepath.Join(dir, name), w.Dir), w.Read(filepath.Join(dir, name)))
	}
	if ran, kept := ranAndKept(run()); ran != 0 || kept != 4 {
		t.Errorf("with images that only look changed %d wells ran and %d were kept", ran, kept)
	}
	// Of the same size, and with the time of the one before: as copies of files have.
	other := w.Synthesize(plate.Synthesis{Wells: 4, Seed: 7})
	image := filepath.Join(dir, "plate_A03_s1_w1.tif")
	before, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(strings.TrimPrefix(image, w.Dir), w.Read(filepath.Join(other, "plate_A03_s1_w1.tif")))
	if err := os.Chtimes(image, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(image); err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		t.Fatalf("the other image is to be told by its content alone: %v, %v", after, err)
	}
	x := run()
	if ran, kept := ranAndKept(x); ran != 1 || kept != 3 || wellOf(t, x, "A03").Reused {
		t.Errorf("%d wells ran and %d were kept, want A03 alone to run", ran, kept)
	}
	if got, want := wells(t, out)["A03"].number(t, "Count_Nuclei"), truthOf(t, other)["A03"]; got != want {
		t.Errorf("A03 has %d nuclei, the new image %d", got, want)
	}
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	says(t, strings.Join(run().ResultsSummary.Warnings, "\n"), "1 well kept from an earlier run although the plate has no image of it now: A03")
}
