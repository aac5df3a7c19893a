package e2e

import (
	"math"
	"path/filepath"
	"testing"
)

// Real plates count what scikit-image counts with the same operations. The
// numbers are from scripts/golden/reference.py: one Otsu threshold per plane,
// maximum over z where there are planes, the first channel.
func TestRealPlatesAgreeWithScikitImage(t *testing.T) {
	t.Parallel()
	const exported = "imagexpress_faim/resources/ImageXpress_exported/"
	for _, test := range []struct {
		name, folder, pipeline string
		wells, images, nuclei  int // image sets, nuclei by scikit-image
	}{
		{"transfluor", "transfluor_row_O/images", "nuclei.yaml", 24, 72, 5314},
		{"projection mix", "imagexpress_faim/resources/ImageXpress/Projection-Mix", "zproject.yaml", 2, 4, 142},
		{"3420: one well", exported + "9987_Plate_3420", "zproject.yaml", 1, 1, 21},
		{"3434: planes", exported + "9987_Plate_3434", "zproject.yaml", 2, 4, 169},
		{"3435: time points", exported + "9987_Plate_3435", "zproject.yaml", 2, 8, 335},
		{"operetta", "operetta_harmony_2field", "zproject.yaml", 1, 2, 1800},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := sample(t, test.folder)
			w := plainWorld(t)
			out := w.Path("out")
			x := outcome(t, w.Want(0, "run", dir, "-p", example(t, test.pipeline), "--out", out, "--json"))
			found := wells(t, out)
			if len(found) != test.wells || x.ResultsSummary.Complete != test.wells {
				t.Errorf("%d wells in wells.csv, %d complete, want %d", len(found), x.ResultsSummary.Complete, test.wells)
			}
			sites := table(t, filepath.Join(out, "sites.csv"))
			if len(sites) != test.images {
				t.Errorf("%d image sets, want %d", len(sites), test.images)
			}
			if n := total(t, sites, "Count_Nuclei"); math.Abs(float64(n-test.nuclei)) > 0.01*float64(test.nuclei) {
				t.Errorf("%d nuclei, scikit-image finds %d", n, test.nuclei)
			}
			tablesAgree(t, out)
			for _, name := range []string{"plate.svg", "plate.png", "manifest.json", "joblog.tsv"} {
				if w.Read(filepath.Join(out, name)) == "" {
					t.Errorf("%s is empty", name)
				}
			}
		})
	}
}
