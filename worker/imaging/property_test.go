package imaging

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// drawPlane draws a small plane; few different values make ties likely.
func drawPlane(t *rapid.T) *Plane {
	height, width := rapid.IntRange(1, 20).Draw(t, "height"), rapid.IntRange(1, 24).Draw(t, "width")
	pixel := rapid.SampledFrom([]enums.PixelType{enums.Uint8, enums.Uint16, enums.Float32}).Draw(t, "type")
	p := NewPlane(height, width, pixel)
	highest := rapid.SampledFrom([]int{1, 3, 255}).Draw(t, "highest")
	values := rapid.SliceOfN(rapid.IntRange(0, highest), len(p.Pix), len(p.Pix)).Draw(t, "values")
	for i, v := range values {
		p.Pix[i] = float32(v)
		if pixel == enums.Float32 {
			p.Pix[i] = float32(v)*0.37 - 20
		}
	}
	return p
}

// footprint lists the values under a disk around y, x, with reflected borders.
func footprint(p *Plane, y, x, radius int) []float32 {
	var list []float32
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			if dx*dx+dy*dy <= radius*radius {
				list = append(list, p.Pix[reflectIndex(y+dy, p.Height)*p.Width+reflectIndex(x+dx, p.Width)])
			}
		}
	}
	return list
}

// naive applies a statistic of the disk to every pixel.
func naive(p *Plane, radius int, statistic func([]float32) float32) *Plane {
	out := NewPlane(p.Height, p.Width, p.Type)
	for i := range out.Pix {
		out.Pix[i] = statistic(footprint(p, i/p.Width, i%p.Width, radius))
	}
	return out
}

func TestMedianIsTheNaiveOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, radius := drawPlane(t), rapid.IntRange(0, 6).Draw(t, "radius")
		want := naive(p, radius, func(v []float32) float32 { slices.Sort(v); return v[len(v)/2] })
		if got := Median(p, radius); !slices.Equal(got.Pix, want.Pix) {
			t.Fatalf("radius %d: got %v, want %v", radius, got.Pix, want.Pix)
		}
	})
}

func TestMedianAcrossTiles(t *testing.T) {
	t.Parallel()
	p := syntheticField(301)
	p.Height, p.Pix = 140, p.Pix[:140*301]
	want := naive(p, 3, func(v []float32) float32 { slices.Sort(v); return v[len(v)/2] })
	if got := Median(p, 3); !slices.Equal(got.Pix, want.Pix) {
		t.Error("a tile shows")
	}
}

func TestOpeningIsTheNaiveOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, radius := drawPlane(t), rapid.IntRange(0, 6).Draw(t, "radius")
		want := naive(naive(p, radius, slices.Min[[]float32]), radius, slices.Max[[]float32])
		if got := Opening(p, radius); !slices.Equal(got.Pix, want.Pix) {
			t.Fatalf("radius %d: got %v, want %v", radius, got.Pix, want.Pix)
		}
	})
}

func TestDistanceTransformIsTheNaiveOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := Threshold(drawPlane(t), 0.5)
		if !slices.Contains(m.Pix, false) {
			return
		}
		got := DistanceTransform(m)
		for i := range m.Pix {
			nearest := math.MaxInt
			for j, inside := range m.Pix {
				if dy, dx := i/m.Width-j/m.Width, i%m.Width-j%m.Width; !inside {
					nearest = min(nearest, dy*dy+dx*dx)
				}
			}
			if want := float32(math.Sqrt(float64(nearest))); got.Pix[i] != want {
				t.Fatalf("pixel %d: got %v, want %v", i, got.Pix[i], want)
			}
		}
	})
}

// TestSplitIsTheWholeWatershed checks the shortcut of the segmenter, ties and
// all, against one flood over everything.
func TestSplitIsTheWholeWatershed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlane(t)
		s := NewNucleiSegmenter(NucleiOptions{
			Sigma: rapid.SampledFrom([]float64{0, 1}).Draw(t, "sigma"), MinArea: 1,
			SplitSigma:  rapid.SampledFrom([]float64{0, 1}).Draw(t, "split"),
			MinDistance: rapid.IntRange(1, 4).Draw(t, "distance"),
		})
		got := s.Segment(p)
		if slices.Max(s.objects) == 0 {
			return
		}
		objects := &Labels{Height: p.Height, Width: p.Width, Pix: s.objects, Count: int(slices.Max(s.objects))}
		peaks := findPeaks(new(peakFinder), s.distance, objects.Pix, p.Height, p.Width, objects.Count, s.options.MinDistance)
		want := NewLabels(p.Height, p.Width)
		for i, inside := range s.mask {
			if !inside {
				want.Pix[i] = outside
			}
		}
		for i, at := range peaks {
			want.Pix[at] = int32(i + 1)
		}
		slices.Sort(peaks)
		flood(new(queue), s.distance, want.Pix, p.Width, -1, peaks)
		count := renumber(want.Pix, len(peaks))
		if got.Count != count || !slices.Equal(got.Pix, want.Pix) {
			t.Fatalf("got %v, want %v", got.Pix, want.Pix)
		}
	})
}

func TestPercentilesAreTheSortedOnes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawPlane(t), drawPlane(t)
		percent := rapid.Float64Range(0, 100).Draw(t, "percent")
		all := slices.Sorted(slices.Values(append(slices.Clone(p.Pix), q.Pix...)))
		position := percent / 100 * float64(len(all)-1)
		below := int(position)
		a, b := float64(all[below]), float64(all[min(below+1, len(all)-1)])
		want := a + (b-a)*(position-float64(below))
		if got := Percentiles(Stack{p, q}, percent)[0]; math.Abs(got-want) > 1e-9 {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
