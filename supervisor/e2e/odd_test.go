package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Wells that the instrument selected and that have no image cannot be run, and
// are not passed over in silence.
func TestWellsWithoutImagesAreTold(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	dir, out := w.Synthesize(plate.Synthesis{Wells: 4}), w.Path("out")
	if err := os.Remove(filepath.Join(dir, "plate_A02_s1_w1.tif")); err != nil {
		t.Fatal(err)
	}
	r := w.Want(0, "run", dir, "-p", w.Pipeline(harness.Nuclei), "--out", out, "--json")
	if s := outcome(t, r).ResultsSummary; s.WellCount != 3 || !strings.Contains(strings.Join(s.Warnings, " "), "A02") {
		t.Errorf("the summary is %+v, want a warning of A02", s)
	}
	says(t, w.OK("run", dir, "-p", w.Pipeline(harness.Nuclei), "--out", out), "3 of 3 wells", "Warning: ", "A02")
	says(t, w.Read(filepath.Join(out, "manifest.json")), "no image: A02")
}

// What lies in place of an image and is none (nothing, a pipe that would block
// its reader for ever, a folder) costs its own well and delays nothing.
func TestThingsThatAreNoImages(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	dir, out := w.Synthesize(plate.Synthesis{Wells: 6, Rows: 1, Columns: 2}), w.Path("out")
	replace := func(well string, by func(path string) error) {
		t.Helper()
		path := filepath.Join(dir, "plate_"+well+"_s1_w1.tif")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := by(path); err != nil {
			t.Fatal(err)
		}
	}
	replace("A01", func(path string) error { return os.WriteFile(path, nil, 0o644) })
	replace("A02", func(path string) error { return syscall.Mkfifo(path, 0o644) })
	replace("A03", func(path string) error { return os.Mkdir(path, 0o755) })
	replace("B01", func(path string) error { return os.WriteFile(path, []byte("<html>404</html>"), 0o644) })
	replace("B02", func(path string) error { return os.Symlink(filepath.Join(dir, "gone.tif"), path) })
	w.Want(1, "run", dir, "-p", w.Pipeline(harness.Nuclei), "--out", out)
	found := wells(t, out)
	for _, name := range []string{"A01", "B01"} {
		if found[name]["ExitReason"] != "input_unreadable" {
			t.Errorf("%s: %v, want input_unreadable", name, found[name])
		}
		says(t, found[name]["Error"], "plate_"+name+"_s1_w1.tif")
	}
	for _, name := range []string{"A02", "A03", "B02"} { // unreadable, or a field that is missing
		r := found[name]
		if r["ExitReason"] != "input_unreadable" && !strings.Contains(r["Warnings"], "site 1") {
			t.Errorf("%s: %v, want input_unreadable or a warning of site 1", name, r)
		}
	}
	if found["B03"]["Status"] != "complete" {
		t.Errorf("B03: %v", found["B03"])
	}
	tablesAgree(t, out)
}

// Files as other systems write them, and names as people give them.
func TestNamesAndFilesOfOtherSystems(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for name, text := range map[string]string{
		"windows line ends":    strings.ReplaceAll(harness.Nuclei, "\n", "\r\n"),
		"a byte-order mark":    "\ufeff" + harness.Nuclei,
		"both, and Größe 10 %": "\ufeff" + strings.ReplaceAll(harness.Nuclei, "\n", "\r\n"),
	} {
		dir := w.Path("plate of " + name)
		if err := os.Rename(w.Plate(), dir); err != nil {
			t.Fatal(err)
		}
		says(t, w.OK("run", filepath.Base(dir)+"/", "-p", w.Pipeline(text)), "complete, 4 of 4 wells")
		if len(wells(t, dir+"_wellhouse")) != 4 {
			t.Errorf("%s: the results are not beside the plate", name)
		}
	}
}
