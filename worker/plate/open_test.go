package plate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func mustOpen(t *testing.T, dir string) *Index {
	t.Helper()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// summary puts an index in one line per component, for comparison.
func summary(x *Index) string {
	list := func(component string) string { return strings.Join(x.Values(component), " ") }
	return fmt.Sprintf("%s %s: wells %s; sites %s; channels %s; z %s; t %s; %d images, %d missing, %d projections, %g µm",
		x.Format, x.Name, strings.Join(x.Wells(), " "), list(enums.Site), list(enums.Channel), list(enums.ZIndex), list(enums.Timepoint),
		len(x.Images), len(x.Missing), len(x.Projections), x.PixelSize)
}

func TestRealPlates(t *testing.T) {
	t.Parallel()
	const raw, exported = "imagexpress_faim/resources/ImageXpress/", "imagexpress_faim/resources/ImageXpress_exported/"
	var row []string
	for c := range 24 {
		row = append(row, wellName(14, c))
	}
	for _, c := range []struct {
		dir, want   string
		explanation string   // part of it
		warnings    []string // parts, in order
	}{
		{"transfluor_row_O", "Cellomics AS_09047_050428030001: wells " + strings.Join(row, " ") + "; sites 0 1 2; channels 2; z 1; t 1; 72 images, 0 missing, 0 projections, 0 µm",
			"72 of 72", nil},
		{raw + "Projection-Mix", "ImageXpress Projection-Mix: wells E07 E08; sites 1 2; channels 1 2 4; z 1 2 3 4 5 6 7 8 9 10; t 1; 84 images, 0 missing, 12 projections, 1.3668 µm",
			"12 images beside the z planes", []string{"channel 3 exists only as a projection"}},
		{raw + "SingleChannel", "ImageXpress Projection-Mix: wells E07 E08; sites 1 2; channels 1; z 1 2; t 1; 8 images, 0 missing, 4 projections, 1.3668 µm",
			"Names give no channel; it is 1.", nil},
		{raw + "1well-3C-2S-Zmix-T", "ImageXpress 1well-3C-2S-Zmix-T: wells C07; sites 1 2; channels 1 2 3; z 1; t 1 2; 12 images, 0 missing, 0 projections, 13.5504 µm",
			"Names give no z plane; it is 1.", nil},
		{exported + "9987_Plate_3420", "ImageXpress 9987_Plate_3420: wells B02; sites 1; channels 1; z 1; t 1; 1 images, 0 missing, 0 projections, 1.3672 µm",
			"9987.HTD says which wells", nil},
		{exported + "9987_Plate_3434", "ImageXpress 9987_Plate_3434: wells B02 B03; sites 1 2; channels 1 2 3; z 1 2; t 1; 24 images, 0 missing, 12 projections, 1.3672 µm",
			"ZStep_0", []string{"channel 4 (Cy5), but no image", "z plane 3, but no image"}},
		{exported + "9987_Plate_3435", "ImageXpress 9987_Plate_3435: wells B02 B03; sites 1 2; channels 1 2; z 1; t 1 2; 16 images, 0 missing, 0 projections, 1.3672 µm",
			"", []string{"channel 3 (Texas Red), 4 (Cy5)", "time point 3, 4, 5, 6"}},
		{"operetta_harmony_2field", "Opera Test_Sample_BALL: wells C03; sites 1 2; channels 1; z 1; t 1; 2 images, 0 missing, 0 projections, 1.1959521619135234 µm",
			"Index.idx.xml lists 2 images; 2 are there", nil},
		{"cellvoyager_cv8000", "CellVoyager CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack: wells D08 E03 F08; sites 1 2 3 4; channels 1 2; z 1 2 3 4; t 1; 96 images, 0 missing, 0 projections, 0.325 µm",
			"lists 96 images", []string{"6 TIFF files that MeasurementData.mlf does not list"}},
	} {
		t.Run(strings.ReplaceAll(c.dir, "/", "_"), func(t *testing.T) {
			t.Parallel()
			x := mustOpen(t, sample(t, c.dir))
			if got := summary(x); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !strings.Contains(x.Explanation, c.explanation) {
				t.Errorf("explanation: %s", x.Explanation)
			}
			if len(x.Warnings) != len(c.warnings) {
				t.Fatalf("warnings: %q", x.Warnings)
			}
			for i, want := range c.warnings {
				if !strings.Contains(x.Warnings[i], want) {
					t.Errorf("warning %q: want %q", x.Warnings[i], want)
				}
			}
			if in := x.Inspect(); len(in.Shapes) != 1 || len(in.Warnings) != len(c.warnings) {
				t.Errorf("inspection: %+v", in)
			}
		})
	}
}

func TestStagePositionsAndChannelNames(t *testing.T) {
	t.Parallel()
	x := mustOpen(t, sample(t, "operetta_harmony_2field"))
	want := []Position{{"C03", "1", -645.814, 645.814}, {"C03", "2", 645.814, 645.814}}
	if !slices.Equal(x.Positions, want) || x.ChannelNames["1"] != "Fluorescein (FITC)" {
		t.Errorf("%v %v", x.Positions, x.ChannelNames)
	}
}

// The index and the file names say the same.
func TestOperaWithoutIndex(t *testing.T) {
	t.Parallel()
	with := mustOpen(t, sample(t, "operetta_harmony_2field"))
	dir := filepath.Join(t.TempDir(), "Plate 7", "Images")
	touch(t, dir, with.Images[0].Path, with.Images[1].Path)
	without := mustOpen(t, dir)
	if !slices.Equal(with.Images, without.Images) {
		t.Errorf("%v\n%v", with.Images, without.Images)
	}
	if without.Name != "Plate 7" || !strings.Contains(without.Explanation, "There is no Index.idx.xml") {
		t.Errorf("%s: %s", without.Name, without.Explanation)
	}
}

func TestSeveralPlatesAreNamed(t *testing.T) {
	t.Parallel()
	_, err := Open(sample(t, "imagexpress_faim"))
	if err == nil || !strings.Contains(err.Error(), "holds 6 plates: name one of resources/ImageXpress/1well-3C-2S-Zmix-T/2024-04-22/1697 (ImageXpress, 12 TIFF files)") {
		t.Error(err)
	}
	_, err = Open(sample(t, "dsb2018_nuclei_gt"))
	if err == nil || !strings.Contains(err.Error(), "no TIFF image among them") {
		t.Error(err)
	}
}

// touch makes empty files below dir.
func touch(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, f := range files {
		p := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"empty", nil, "the folder holds no files"},
		{"names", []string{"a/foo.tif", "a/bar.tif"}, "found 2 TIFF files with other names, such as a/bar.tif"},
		{"thumbnails", []string{"p_A01_s1_thumb.tif"}, "found 1 files, no TIFF image"},
		{"metadata alone", []string{"Index.idx.xml"}, "Index.idx.xml is there, but no image named like r01c01"},
		{"two plates", []string{"x_A01_s1.tif", "y_A01_s1.tif"}, "two plates share the folder: x_A01_s1.tif and y_A01_s1.tif are both well A01, site 1"},
	} {
		dir := t.TempDir()
		touch(t, dir, c.files...)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	dir := t.TempDir()
	touch(t, dir, "file")
	if _, err := Open(filepath.Join(dir, "nothing")); err == nil || !strings.Contains(err.Error(), "no such folder") {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "file")); err == nil || !strings.Contains(err.Error(), "it is a file") {
		t.Error(err)
	}
}

// Missing images come from the plate's own grid when nothing else says what was
// selected; a channel taken in one plane only is not missing in the others.
func TestMissingFromTheGrid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, well := range []string{"A01", "B10", "B2"} {
		for site := 1; site <= 2; site++ {
			for z := 1; z <= 3; z++ {
				if well == "B10" && site == 2 && z == 3 {
					continue
				}
				touch(t, dir, fmt.Sprintf("ZStep_%d/p_%s_s%d_w1.tif", z, well, site))
			}
			touch(t, dir, fmt.Sprintf("ZStep_1/p_%s_s%d_w2.tif", well, site))
		}
	}
	x := mustOpen(t, dir)
	if want := (Coordinates{"B10", "2", "1", "3", "1"}); len(x.Missing) != 1 || x.Missing[0] != want {
		t.Errorf("missing %v", x.Missing)
	}
	if got := strings.Join(x.Wells(), " "); got != "A01 B02 B10" {
		t.Error(got)
	}
}

func TestRepeatedAndOddImagesAreWarnedOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "p_A01_s1_w1.tif", "p_A01_s1_w1.tiff", "p_A1_s2_w1.tif", "notes.tif", "p_A01_s1_w1_thumb.tif")
	x := mustOpen(t, dir)
	if len(x.Images) != 2 || len(x.Warnings) != 2 {
		t.Errorf("%v %q", x.Images, x.Warnings)
	}
}

func TestWalkEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := t.TempDir()
	touch(t, outside, "q_A01_s1_w1.tif")
	touch(t, dir, "a/p_A01_s1_w1.tif", ".trash/p_A09_s1_w1.tif",
		"p_wellhouse/.wellhouse/x", "p_wellhouse/images/r_A01_s1_w1.tif")
	for link, target := range map[string]string{"a/loop": dir, "elsewhere": outside, "a/p_A02_s1_w1.tif": filepath.Join(outside, "q_A01_s1_w1.tif"), "a/p_A03_s1_w1.tif": "gone"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	x := mustOpen(t, dir)
	if got := strings.Join(x.Wells(), " "); got != "A01 A02 A03" || filepath.Base(x.Root) != "a" {
		t.Errorf("%s %s", x.Root, got)
	}
	if len(x.Warnings) != 1 || !strings.Contains(x.Warnings[0], "symbolic links to folders: elsewhere, a/loop") {
		t.Errorf("%q", x.Warnings)
	}
}

func TestThePlatesOwnFolderWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "p_A01_s1_w1.tif", "#old/p_A01_s1_w1.tif", "analysis/m_B01_s1_w1.tif")
	x := mustOpen(t, dir)
	if len(x.Images) != 1 || len(x.Warnings) != 1 || !strings.Contains(x.Warnings[0], "2 more folders below look like plates") {
		t.Errorf("%v %q", x.Images, x.Warnings)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "p_A02_s10_w1.tif", "p_A02_s2_w1.tif", "p_A01_s1_w1.tif", "p_A01_s1_w2.tif")
	x := mustOpen(t, dir)
	x.Number()
	var got []string
	for _, i := range x.Images {
		got = append(got, fmt.Sprintf("%s/%s/%s=%d", i.Well, i.Site, i.Channel, i.ImageNumber))
	}
	if joined := strings.Join(got, " "); joined != "A01/1/1=1 A01/1/2=1 A02/2/1=2 A02/10/1=3" {
		t.Error(joined)
	}
}

func TestCoordinates(t *testing.T) {
	t.Parallel()
	c := Coordinates{"A01", "2", "3", "4", "5"}
	for component, want := range map[string]string{enums.Well: "A01", enums.Site: "2", enums.Channel: "3", enums.ZIndex: "4", enums.Timepoint: "5", enums.None: ""} {
		if got := c.Get(component); got != want {
			t.Errorf("%s is %q", component, got)
		}
	}
	if got := c.Without(enums.ZIndex).String(); got != "well A01, site 2, channel 3, time point 5" {
		t.Error(got)
	}
}
