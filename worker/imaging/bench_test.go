package imaging

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// syntheticField is a noisy 16-bit field of round nuclei, some touching, with
// about as many per area as a plate of U2OS cells has.
func syntheticField(side int) *Plane {
	random := rand.New(rand.NewPCG(1, uint64(side)))
	p := NewPlane(side, side, enums.Uint16)
	for i := range p.Pix {
		p.Pix[i] = 400
	}
	for range side * side / 3000 {
		cy, cx, radius := random.Float64()*float64(side), random.Float64()*float64(side), 7+6*random.Float64()
		for y := max(0, int(cy-radius)); y < min(side, int(cy+radius)+1); y++ {
			for x := max(0, int(cx-radius)); x < min(side, int(cx+radius)+1); x++ {
				if d := math.Hypot(float64(y)-cy, float64(x)-cx) / radius; d < 1 {
					p.Pix[y*side+x] = max(p.Pix[y*side+x], float32(3000+6000*math.Sqrt(1-d*d)))
				}
			}
		}
	}
	for i, v := range p.Pix {
		p.Pix[i] = float32(math.Round(max(0, min(65535, float64(v)+random.NormFloat64()*120))))
	}
	return p
}

var sides = []int{512, 1080}

func perField(b *testing.B, run func(p *Plane)) {
	for _, side := range sides {
		b.Run(fmt.Sprintf("%dx%d", side, side), func(b *testing.B) {
			p := syntheticField(side)
			b.ReportAllocs()
			for b.Loop() {
				run(p)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(side*side), "ns/px")
		})
	}
}

func BenchmarkSegmentNuclei(b *testing.B) {
	s := NewNucleiSegmenter(DefaultNuclei())
	perField(b, func(p *Plane) { s.Segment(p) })
}

func BenchmarkMeasureNuclei(b *testing.B) {
	s := NewNucleiSegmenter(DefaultNuclei())
	labels := map[int]*Labels{}
	for _, side := range sides {
		labels[side] = s.Segment(syntheticField(side))
	}
	perField(b, func(p *Plane) {
		RegionProps(labels[p.Width])
		Intensities(p, labels[p.Width])
	})
}

func BenchmarkGaussian(b *testing.B) { perField(b, func(p *Plane) { Gaussian(p, 1) }) }

func BenchmarkMedian2(b *testing.B) { perField(b, func(p *Plane) { Median(p, 2) }) }

func BenchmarkMedian5Float(b *testing.B) {
	perField(b, func(p *Plane) {
		real := *p
		real.Type = enums.Float32
		Median(&real, 5)
	})
}

func BenchmarkWhiteTophat10(b *testing.B) { perField(b, func(p *Plane) { WhiteTophat(p, 10) }) }

func BenchmarkPercentiles(b *testing.B) {
	perField(b, func(p *Plane) { Percentiles(Stack{p}, 1, 99) })
}
