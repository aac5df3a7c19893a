package imaging

import (
	"math"
	"testing"
)

func TestShapesAreScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "shape", func(t *testing.T, name, _ string, want array) {
		regions := RegionProps(g["objects/"+name].labels())
		columns := want.shape[1]
		if len(regions) != want.shape[0] {
			t.Fatalf("got %d regions, want %d", len(regions), want.shape[0])
		}
		for i, r := range regions {
			got := []float64{
				float64(r.Area), float64(r.Top), float64(r.Left), float64(r.Bottom), float64(r.Right),
				r.CentreY, r.CentreX, r.Perimeter, r.MajorAxis, r.MinorAxis, r.Eccentricity, r.Orientation, float64(r.ConvexArea),
			}
			row := want.data[i*columns : (i+1)*columns]
			for j := range got {
				switch {
				case j == 11 && r.MajorAxis-r.MinorAxis < 1e-6:
					continue // round objects have no orientation
				case j == 11 && math.Abs(math.Abs(got[j]-row[j])-math.Pi) < 1e-6:
					continue // −π/2 and π/2 are one axis
				case j >= 8 && j <= 10 && math.Abs(got[j]-row[j]) < 1e-6:
					continue // the square root of a rounding error
				}
				if math.Abs(got[j]-row[j]) > 1e-9*max(1, math.Abs(row[j])) {
					t.Errorf("region %d, column %d is %v, want %v", r.Label, j, got[j], row[j])
				}
			}
		}
	})
}

func TestIntensitiesAreNumPys(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "intensity", func(t *testing.T, name, _ string, want array) {
		var got []float64
		for _, r := range Intensities(g["image/"+name].plane(), g["nuclei/"+name].labels()) {
			got = append(got, r.Integrated, r.Mean, r.StdDev, r.Min, r.LowerQuartile, r.Median, r.UpperQuartile, r.Max)
		}
		same(t, got, want.data, 1e-9)
	})
}
