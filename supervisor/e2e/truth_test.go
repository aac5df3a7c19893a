package e2e

import (
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// A synthetic plate is counted as its truth says, in both layouts, with more
// than one site, channel and plane, through the command that made it.
func TestSyntheticPlateIsCountedAsItIs(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for _, layout := range []string{plate.LayoutImageXpress, plate.LayoutOpera} {
		dir, out := w.Path(layout), w.Path(layout+"-out")
		w.OK("plate", "synth", dir, "--layout", layout, "--wells", "A01,B03", "--sites", "1x2", "--size", "96x128",
			"--channels", "2", "--planes", "3", "--cells", "8")
		w.OK("run", dir, "-p", example(t, "zproject.yaml"), "--out", out)

		truth, found := truthOf(t, dir), wells(t, out)
		if len(found) != 2 {
			t.Fatalf("%s: wells.csv has %d wells, want 2", layout, len(found))
		}
		for well, want := range truth {
			got := found[well].number(t, "Count_Nuclei")
			if math.Abs(float64(got-want)) > math.Max(1, 0.1*float64(want)) {
				t.Errorf("%s: %s has %d nuclei, in truth %d", layout, well, got, want)
			}
		}
		tablesAgree(t, out)
	}
}

// tablesAgree holds the three tables against each other: every object has a row,
// numbered from 1, in the image set that counts it.
func tablesAgree(t *testing.T, out string) {
	t.Helper()
	sites, objects := table(t, filepath.Join(out, "sites.csv")), table(t, filepath.Join(out, "Nuclei.csv"))
	perWell, perImage := map[string]int{}, map[string]int{}
	for _, o := range objects {
		perWell[o["Metadata_Well"]]++
		perImage[o["ImageNumber"]]++
		if o.number(t, "ObjectNumber") != perImage[o["ImageNumber"]] {
			t.Errorf("object %s of image %s is row %d of it", o["ObjectNumber"], o["ImageNumber"], perImage[o["ImageNumber"]])
		}
		if _, measured := o["Nuclei_AreaShape_Area"]; !measured {
			continue
		}
		area, err := strconv.ParseFloat(o["Nuclei_AreaShape_Area"], 64)
		if err != nil || area < 1 {
			t.Errorf("object %s of image %s has area %s (%v), want at least 1 px", o["ObjectNumber"], o["ImageNumber"], o["Nuclei_AreaShape_Area"], err)
		}
	}
	for _, s := range sites {
		if s.number(t, "Count_Nuclei") != perImage[s["ImageNumber"]] {
			t.Errorf("image %s counts %s nuclei and lists %d", s["ImageNumber"], s["Count_Nuclei"], perImage[s["ImageNumber"]])
		}
		delete(perImage, s["ImageNumber"])
	}
	if len(perImage) > 0 {
		t.Errorf("objects of images that sites.csv has not: %v", perImage)
	}
	for name, r := range wells(t, out) {
		if n := perWell[name]; n != max(0, r.number(t, "Count_Nuclei")) {
			t.Errorf("%s counts %s nuclei and lists %d", name, r["Count_Nuclei"], n)
		}
	}
}
