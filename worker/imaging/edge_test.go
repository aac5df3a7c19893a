package imaging

import (
	"fmt"
	"math"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// TestEveryKernelOnDegeneratePlanes runs everything over planes without pixels,
// with one, of one row, one column, and of one value: nothing panics, nothing
// becomes NaN or infinite, a plane of one value has no objects.
func TestEveryKernelOnDegeneratePlanes(t *testing.T) {
	t.Parallel()
	for _, pixel := range []enums.PixelType{enums.Uint8, enums.Uint16, enums.Float32} {
		for _, shape := range [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 9}, {9, 1}, {2, 2}, {40, 40}} {
			for _, value := range []float32{0, 7, 255} {
				t.Run(fmt.Sprintf("%s %dx%d of %v", pixel, shape[0], shape[1], value), func(t *testing.T) {
					p := NewPlane(shape[0], shape[1], pixel)
					fill(p.Pix, value)
					for name, out := range map[string]*Plane{
						"gaussian": Gaussian(p, 2), "sharp": Gaussian(p, 0),
						"median 0": Median(p, 0), "median 1": Median(p, 1), "median 2": Median(p, 2), "median 6": Median(p, 6), "median 40": Median(p, 40),
						"tophat 0": WhiteTophat(p, 0), "tophat 3": WhiteTophat(p, 3), "tophat 30": WhiteTophat(p, 30),
						"rescale": Rescale(p, float64(value), float64(value), 0, 1), "max": MaxProjection(Stack{p, p}),
						"mean": MeanProjection(Stack{p, p}), "distance": DistanceTransform(Threshold(p, -1)),
					} {
						if out.Height != p.Height || out.Width != p.Width || len(out.Pix) != len(p.Pix) {
							t.Errorf("%s: the shape changed", name)
						}
						for _, v := range out.Pix {
							if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
								t.Fatalf("%s: %v", name, v)
							}
						}
					}
					for _, v := range Percentiles(Stack{p}, 0, 33, 100) {
						if len(p.Pix) > 0 && v != float64(value) {
							t.Errorf("percentile %v of a plane of %v", v, value)
						}
					}
					if l := NewNucleiSegmenter(DefaultNuclei()).Segment(p); l.Count != 0 {
						t.Errorf("%d nuclei in a plane of one value", l.Count)
					}
					all := Threshold(p, -1)
					l := Label(FillHoles(RemoveSmall(all, 0)), Connect8)
					for _, r := range RegionProps(l) {
						for _, v := range []float64{r.Perimeter, r.FormFactor(), r.Solidity(), r.Eccentricity, r.Orientation, r.MajorAxis, r.MinorAxis, r.Extent()} {
							if math.IsNaN(v) || math.IsInf(v, 0) {
								t.Errorf("region %+v", r)
							}
						}
					}
					Intensities(p, l)
					Watershed(p, Peaks(DistanceTransform(all), l, 3), all)
				})
			}
		}
	}
}

func TestAHoleFilledToTheBrimStillGivesObjects(t *testing.T) {
	t.Parallel()
	// A bright frame: after filling, the mask has no background at all.
	p := NewPlane(50, 60, enums.Uint8)
	for i := range p.Pix {
		if y, x := i/60, i%60; y < 6 || y > 43 || x < 6 || x > 53 {
			p.Pix[i] = 200
		}
	}
	if l := NewNucleiSegmenter(DefaultNuclei()).Segment(p); l.Count == 0 {
		t.Error("no objects")
	}
}

func TestOptionsOfTheSegmenter(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	p := g["image/twins"].plane()
	for _, test := range []struct {
		change func(o *NucleiOptions)
		want   int
	}{
		{func(*NucleiOptions) {}, 8},
		{func(o *NucleiOptions) { o.MinDistance = 0 }, 4},
		{func(o *NucleiOptions) { o.MinDistance = 60 }, 4},
		{func(o *NucleiOptions) { o.MinArea = 100000 }, 0},
		{func(o *NucleiOptions) { o.Sigma, o.SplitSigma = 0, 0 }, 8},
	} {
		o := DefaultNuclei()
		test.change(&o)
		if l := NewNucleiSegmenter(o).Segment(p); l.Count != test.want {
			t.Errorf("%+v: %d nuclei, want %d", o, l.Count, test.want)
		}
	}
}
