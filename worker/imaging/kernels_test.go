package imaging

import (
	"math"
	"strconv"
	"testing"
)

const tight = 1e-5 // relative tolerance of float32 results

func TestGaussianIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "gaussian", func(t *testing.T, name, argument string, want array) {
		sigma, err := strconv.ParseFloat(argument, 64)
		if err != nil {
			t.Fatal(err)
		}
		same(t, Gaussian(g["image/"+name].plane(), sigma).Pix, want.data, tight)
	})
}

func TestMedianIsSciPys(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "median", func(t *testing.T, name, argument string, want array) {
		same(t, Median(g["image/"+name].plane(), integer(t, argument)).Pix, want.data, 0)
	})
}

func TestWhiteTophatIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "tophat", func(t *testing.T, name, argument string, want array) {
		same(t, WhiteTophat(g["image/"+name].plane(), integer(t, argument)).Pix, want.data, 0)
	})
}

func TestPercentilesAreNumPys(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "percentiles", func(t *testing.T, name, _ string, want array) {
		same(t, Percentiles(Stack{g["image/"+name].plane()}, 0, 1, 12.5, 50, 99, 100), want.data, 1e-12)
	})
}

func TestRescaleIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	limits := map[string][2]float64{"1-99": {1, 99}, "30-30": {30, 30}}
	g.each(t, "normalize", func(t *testing.T, name, argument string, want array) {
		p := g["image/"+name].plane()
		between := Percentiles(Stack{p}, limits[argument][0], limits[argument][1])
		tolerance := tight
		if p.Integer() {
			tolerance = 0
		}
		same(t, Rescale(p, between[0], between[1], 0, TypeMax(p.Type)).Pix, want.data, tolerance)
	})
}

func TestOtsuIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "otsu", func(t *testing.T, name, _ string, want array) {
		same(t, []float64{Otsu(g["image/"+name].plane())}, want.data, 0)
	})
}

func TestProjectionsAreNumPys(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	a := g["stack/u16"]
	size := a.shape[1] * a.shape[2]
	var s Stack
	for i := range a.shape[0] {
		s = append(s, array{a.dtype, a.shape[1:], a.data[i*size : (i+1)*size]}.plane())
	}
	same(t, MaxProjection(s).Pix, g["projection/max"].data, 0)
	same(t, MeanProjection(s).Pix, g["projection/mean"].data, tight)
	same(t, WeightedMean(s, []float64{0.5, 2, 0, 1.25}).Pix, g["projection/weighted"].data, tight)
}

func TestFillHolesIsSciPys(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "fill", func(t *testing.T, name, _ string, want array) {
		sameMask(t, FillHoles(g["mask/"+name].mask()), want)
	})
}

func TestRemoveSmallIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "small", func(t *testing.T, name, argument string, want array) {
		sameMask(t, RemoveSmall(g["mask/"+name].mask(), integer(t, argument)), want)
	})
}

func TestLabelIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "label", func(t *testing.T, name, argument string, want array) {
		l := Label(g["mask/"+name].mask(), Connectivity(integer(t, argument)))
		same(t, l.Pix, want.data, 0)
		if highest := want.labels().Count; l.Count != highest {
			t.Errorf("count is %d, want %d", l.Count, highest)
		}
	})
}

func TestDistanceTransformIsExact(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "edt", func(t *testing.T, name, _ string, want array) {
		for i, d := range DistanceTransform(g["mask/"+name].mask()).Pix {
			if w := float32(math.Sqrt(want.data[i])); d != w {
				t.Fatalf("pixel %d is %v, want %v", i, d, w)
			}
		}
	})
}

func TestPeaksAreScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "peaks", func(t *testing.T, name, argument string, want array) {
		m := g["mask/"+name].mask()
		got := Peaks(DistanceTransform(m), Label(m, Connect8), integer(t, argument))
		// Both lists go object by object; scikit-image leaves the order of many
		// equal peaks open, so that only numbers are compared where they differ.
		wanted := want.points()
		if len(got) != len(wanted) {
			t.Fatalf("got %d peaks, want %d", len(got), len(wanted))
		}
		for i := range got {
			if got[i] != wanted[i] {
				t.Fatalf("peak %d is %v, want %v", i, got[i], wanted[i])
			}
		}
	})
}

func TestWatershedIsScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	g.each(t, "watershed", func(t *testing.T, name, argument string, want array) {
		m := g["mask/"+name].mask()
		landscape := DistanceTransform(m)
		for i := range landscape.Pix {
			landscape.Pix[i] *= -1
		}
		l := Watershed(landscape, g["peaks/"+name+"/"+argument].points(), m)
		same(t, l.Pix, want.data, 0)
	})
}

func TestNucleiAreScikitImages(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	s := NewNucleiSegmenter(DefaultNuclei()) // one for all: its buffers hold what was before
	g.each(t, "nuclei", func(t *testing.T, name, _ string, want array) {
		l := s.Segment(g["image/"+name].plane())
		same(t, l.Pix, want.data, 0)
		if highest := want.labels().Count; l.Count != highest {
			t.Errorf("count is %d, want %d", l.Count, highest)
		}
	})
}
