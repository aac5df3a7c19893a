package plate

import (
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func synthesize(t testing.TB, s Synthesis) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plate")
	if err := Synthesize(dir, s); err != nil {
		t.Fatal(err)
	}
	return dir
}

func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		below, _ := filepath.Rel(dir, path)
		all[below] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSynthesisIsDeterministic(t *testing.T) {
	t.Parallel()
	s := Synthesis{Wells: 3, Width: 64, Height: 48, Cells: 4, Channels: 2, Planes: 2, Seed: 7}
	first, again := digests(t, synthesize(t, s)), digests(t, synthesize(t, s))
	if len(first) != 3*4*2*2+3 { // images, two truths, .HTD
		t.Errorf("%d files", len(first))
	}
	for file, digest := range first {
		if again[file] != digest {
			t.Errorf("%s differs", file)
		}
	}
	s.Seed = 8
	if other := digests(t, synthesize(t, s)); other["truth.csv"] == first["truth.csv"] {
		t.Error("another seed gives the same cells")
	}
}

// Both layouts hold the same images, and the reader finds every one.
func TestSynthesisRoundTrip(t *testing.T) {
	t.Parallel()
	s := Synthesis{Name: "Plate 1", WellNames: []string{"b3", "H12", "A1"}, Rows: 1, Columns: 3, Width: 40, Height: 32, Cells: 3, Channels: 2, Planes: 3, Timepoints: 2, PixelSize: 0.5, Seed: 1}
	var plates []*Index
	for _, layout := range []string{LayoutImageXpress, LayoutOpera} {
		s.Layout = layout
		x := mustOpen(t, synthesize(t, s))
		if len(x.Images) != 3*3*2*3*2 || len(x.Missing) != 0 || len(x.Warnings) != 0 || x.Name != "Plate 1" {
			t.Errorf("%s: %s %q", layout, summary(x), x.Warnings)
		}
		if math.Abs(x.PixelSize-0.5) > 1e-9 || x.ChannelNames["1"] != "Nuclei" {
			t.Errorf("%s: %g µm, %v", layout, x.PixelSize, x.ChannelNames)
		}
		in := x.Inspect()
		if len(in.Shapes) != 1 || in.Shapes[0].Width != 40 || in.Shapes[0].Height != 32 || strings.Join(in.Wells, " ") != "A01 B03 H12" {
			t.Errorf("%+v", in)
		}
		plates = append(plates, x)
	}
	if len(plates[1].Positions) != 9 || plates[1].Positions[0] != (Position{"A01", "1", -18, 0}) {
		t.Errorf("%v", plates[1].Positions)
	}
	for i, a := range plates[0].Images {
		b := plates[1].Images[i]
		if a.Coordinates != b.Coordinates {
			t.Fatalf("%s and %s", a, b)
		}
		p, err := Read(plates[0].Path(a))
		if err != nil {
			t.Fatal(err)
		}
		q, err := Read(plates[1].Path(b))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Pix, q.Pix) {
			t.Fatalf("%s differs from %s", a.Path, b.Path)
		}
	}
}

func TestMissingFromSyntheticPlates(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{LayoutImageXpress, LayoutOpera} {
		dir := synthesize(t, Synthesis{Layout: layout, Wells: 2, Width: 16, Height: 16, Cells: 1})
		gone := mustOpen(t, dir).Images[5]
		if err := os.Remove(mustOpen(t, dir).Path(gone)); err != nil {
			t.Fatal(err)
		}
		x := mustOpen(t, dir)
		if len(x.Images) != 7 || len(x.Missing) != 1 || x.Missing[0] != gone.Coordinates {
			t.Errorf("%s: missing %v, want %v", layout, x.Missing, gone)
		}
	}
}

// Neighbouring sites show the same cells where they overlap.
func TestSitesOverlap(t *testing.T) {
	t.Parallel()
	x := mustOpen(t, synthesize(t, Synthesis{Wells: 1, Rows: 1, Columns: 2, Overlap: 0.5, Width: 128, Height: 64, Cells: 8, Noise: -1, Background: -1}))
	left, err := Read(x.Path(x.Images[0]))
	if err != nil {
		t.Fatal(err)
	}
	right, err := Read(x.Path(x.Images[1]))
	if err != nil {
		t.Fatal(err)
	}
	lit := 0
	for y := range 64 {
		for c := range 64 {
			a, b := left.Row(y)[64+c], right.Row(y)[c]
			if math.Abs(float64(a-b)) > 1 {
				t.Fatalf("row %d, column %d: %g and %g", y, c, a, b)
			}
			if a > 1000 {
				lit++
			}
		}
	}
	if lit == 0 {
		t.Error("no cell in the overlap")
	}
}

// The truth is where the light is, and the dose takes cells away.
func TestTruth(t *testing.T) {
	t.Parallel()
	dir := synthesize(t, Synthesis{WellNames: []string{"A01", "A12"}, Width: 200, Height: 150, Cells: 20, Planes: 5, Noise: -1, Background: -1, Seed: 3})
	objects := table(t, filepath.Join(dir, "truth_objects.csv"))
	perSite := make(map[string]int)
	for _, o := range objects {
		perSite[o["Metadata_Well"]+" "+o["Metadata_Site"]]++
		x, y, z := number64(t, o["Location_Center_X"]), number64(t, o["Location_Center_Y"]), number64(t, o["Location_Center_Z"])
		path := filepath.Join(dir, "TimePoint_1", fmt.Sprintf("ZStep_%d", int(math.Round(z))), fmt.Sprintf("synthetic_%s_s%s_w1.tif", o["Metadata_Well"], o["Metadata_Site"]))
		p, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if v := p.Row(min(max(int(math.Round(y)), 0), p.Height-1))[min(max(int(math.Round(x)), 0), p.Width-1)]; v < 500 {
			t.Errorf("%s: %g at the centre (%g, %g)", path, v, x, y)
		}
	}
	counts := make(map[string]int)
	for _, row := range table(t, filepath.Join(dir, "truth.csv")) {
		n, visible := int(number64(t, row["Count_Nuclei"])), int(number64(t, row["Count_Nuclei_Visible"]))
		if perSite[row["Metadata_Well"]+" "+row["Metadata_Site"]] != n || visible < n {
			t.Errorf("%v", row)
		}
		counts[row["Metadata_Well"]] += n
	}
	if counts["A12"] == 0 || counts["A01"] < 60 || counts["A12"] > counts["A01"]/2 {
		t.Errorf("counts %v", counts)
	}
}

// A plane out of focus is blurred: its brightest pixel is dimmer.
func TestDefocus(t *testing.T) {
	t.Parallel()
	x := mustOpen(t, synthesize(t, Synthesis{Wells: 1, Rows: 1, Columns: 1, Width: 200, Height: 200, Cells: 10, Planes: 9, Noise: -1}))
	var peaks []float32
	for _, i := range x.Images {
		p, err := Read(x.Path(i))
		if err != nil {
			t.Fatal(err)
		}
		peaks = append(peaks, slices.Max(p.Pix))
	}
	if middle := slices.Max(peaks[3:6]); middle < 1.3*peaks[0] || middle < 1.3*peaks[8] {
		t.Errorf("peaks by plane: %v", peaks)
	}
}

func TestSynthesisSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    Synthesis
		want string
	}{
		{Synthesis{Layout: "flex"}, `layout "flex" is neither imagexpress nor opera`},
		{Synthesis{Name: "../x"}, "plate name"},
		{Synthesis{Wells: 1537}, "wells is 1537: from 1 to 1536"},
		{Synthesis{Overlap: 0.9}, "overlap is 0.9"},
		{Synthesis{Noise: math.NaN()}, "noise is NaN"},
		{Synthesis{WellNames: []string{"Q"}}, "not a well"},
	} {
		dir := filepath.Join(t.TempDir(), "p")
		if err := Synthesize(dir, c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.s, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%+v: something was written", c.s)
		}
	}
	dir := t.TempDir()
	touch(t, dir, "mine")
	if err := Synthesize(dir, Synthesis{}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Error(err)
	}
}

func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]string
	for _, row := range rows[1:] {
		m := make(map[string]string)
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		all = append(all, m)
	}
	return all
}

func number64(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func BenchmarkSynthesize24Wells(b *testing.B) {
	for b.Loop() {
		synthesize(b, Synthesis{})
	}
}

func BenchmarkRead(b *testing.B) {
	dir := synthesize(b, Synthesis{Wells: 1, Rows: 1, Columns: 1})
	path := filepath.Join(dir, "synthetic_A01_s1_w1.tif")
	b.SetBytes(512 * 512 * 2)
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
