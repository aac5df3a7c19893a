package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Two plates of one name do not share a results folder: their wells would stand
// side by side in its tables.
func TestTwoPlatesOfOneNameDoNotMix(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	out := w.Path("out")
	one, other := w.Path("here"), w.Path("there")
	for seed, dir := range []string{one, other} {
		w.OK("plate", "synth", dir, "--name", "P1", "--wells", "4", "--sites", "1x1", "--size", "64x64", "--cells", "5", "--seed", strconv.Itoa(seed))
	}
	w.OK("run", one, "-p", w.Pipeline(harness.Nuclei), "--out", out)
	before := w.Read(filepath.Join(out, "wells.csv"))
	says(t, w.Want(2, "run", other, "-p", w.Pipeline(harness.Nuclei), "--out", out).Stderr, one, "--out", "Nothing was started")
	if w.Read(filepath.Join(out, "wells.csv")) != before {
		t.Error("the first plate's table changed")
	}
	moved := w.Path("moved")
	if err := os.Rename(one, moved); err != nil {
		t.Fatal(err)
	}
	x := outcome(t, w.Want(0, "run", moved, "-p", w.Pipeline(harness.Nuclei), "--out", out, "--json"))
	if len(x.Wells) != 4 {
		t.Errorf("the moved plate ran as %+v", x.Wells)
	}
}

// Two executions do not write into one results folder at once.
func TestFolderInUseIsRefused(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	dir, out := w.Plate(), w.Path("out")
	id := w.Submit(dir, asleep("A01"), "--out", out)
	w.AwaitRunning(id)
	says(t, w.Want(2, "run", dir, "-p", w.Pipeline(harness.Nuclei), "--out", out).Stderr, id, "wait for it to end", "--out")
	w.OK("cancel", id)
	if x := w.AwaitEnd(id); x.Status != enums.ExecutionCancelled {
		t.Errorf("the first execution ended as %s", x.Status)
	}
}

// A file system that has no room to begin with, or cannot be written, is said
// before anything starts.
func TestNoRoomToBegin(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for name, test := range map[string]struct {
		readOnly bool
		says     string
	}{
		"small":     {false, "are needed: make room"},
		"read-only": {true, "read-only file system"},
	} {
		dir := w.Path(name)
		mount(t, dir, "2m", test.readOnly)
		r := w.Want(2, "run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", filepath.Join(dir, "out"))
		says(t, r.Stderr, test.says, "--out", "Nothing was started and nothing was written")
		absent(t, filepath.Join(dir, "out"))
	}
}

// A disk that fills during the run pauses it, says so, and goes on when there is
// room again: no well is blamed and nothing is half-written.
func TestDiskFillsDuringTheRun(t *testing.T) {
	w := faulty(t)
	dir := w.Path("small")
	mount(t, dir, "24m", false)
	out := filepath.Join(dir, "out")
	// Every well keeps about 1 MiB of incompressible pixels, and sleeps first, so
	// that the disk can be filled once the folder was found good.
	pipeline := "name: keep\nsteps:\n" +
		"  - name: sleep\n    function: fault_sleep\n    with: {duration: 1, wells: [A01, A02]}\n" +
		"  - name: kept\n    function: gaussian\n    config: {keep: true}\n" +
		"  - name: nuclei\n    from: pipeline_start\n    function: segment_nuclei\n    objects: Nuclei\n"
	w.Serve("--workers", "2")
	source := w.Synthesize(plate.Synthesis{Wells: 4, Height: 512, Width: 512, Cells: 40})
	id := w.Submit(source, pipeline, "--out", out)
	w.AwaitRunning(id)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast, dir)
	w.Await(id, "a pause for want of room", func(x message.Execution) bool { return strings.Contains(x.Hold, "disk") }, nil)
	if x := w.Status(id); x.Status.Final() {
		t.Fatalf("the execution ended as %s", x.Status)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	x := w.AwaitEnd(id)
	if x.Status != enums.ExecutionComplete || x.ResultsSummary.Complete != 4 {
		t.Fatalf("the execution ended as %s: %+v", x.Status, x.Wells)
	}
	tablesAgree(t, out)
	kept, err := filepath.Glob(filepath.Join(out, "images", "kept", "*.tif"))
	if err != nil || len(kept) != 4 {
		t.Errorf("kept images: %v, %v", kept, err)
	}
}

// fill writes a file until the file system of dir has no room left.
func fill(t *testing.T, path, dir string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := file.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Bavail > 1 {
		t.Fatalf("%d blocks are free on %s (%v)", st.Bavail, dir, err)
	}
}
