package imaging

import (
	"math"
	"slices"
)

// Intensity summarises the pixels of one object, in the units of the image.
type Intensity struct {
	Label                      int
	Area                       int // px²
	Integrated, Mean, StdDev   float64
	Min, LowerQuartile, Median float64
	UpperQuartile, Max         float64
}

// Intensities measures a plane within every object of a label map of the same
// shape, in the order of the labels; a label that does not occur is left out.
// StdDev is that of the population; quantiles are interpolated linearly.
func Intensities(p *Plane, l *Labels) []Intensity {
	first := make([]int, l.Count+2)
	for _, label := range l.Pix {
		if label > 0 {
			first[label+1]++
		}
	}
	for i := 1; i < len(first); i++ {
		first[i] += first[i-1]
	}
	values := make([]float32, first[l.Count+1])
	at := slices.Clone(first)
	for i, label := range l.Pix {
		if label > 0 {
			values[at[label]] = p.Pix[i]
			at[label]++
		}
	}
	out := make([]Intensity, 0, l.Count)
	for label := 1; label <= l.Count; label++ {
		if pix := values[first[label]:first[label+1]]; len(pix) > 0 {
			out = append(out, summarise(label, pix))
		}
	}
	return out
}

// summarise sorts pix.
func summarise(label int, pix []float32) Intensity {
	slices.Sort(pix)
	r := Intensity{Label: label, Area: len(pix), Min: float64(pix[0]), Max: float64(pix[len(pix)-1])}
	for _, v := range pix {
		r.Integrated += float64(v)
	}
	n := float64(len(pix))
	r.Mean = r.Integrated / n
	squares := 0.0
	for _, v := range pix {
		d := float64(v) - r.Mean
		squares += float64(d * d)
	}
	r.StdDev = math.Sqrt(squares / n)
	r.LowerQuartile, r.Median, r.UpperQuartile = quantile(pix, 0.25), quantile(pix, 0.5), quantile(pix, 0.75)
	return r
}

// quantile interpolates linearly in sorted values.
func quantile(sorted []float32, q float64) float64 {
	position := float64(len(sorted)-1) * q
	below := int(position)
	a, b := float64(sorted[below]), float64(sorted[min(below+1, len(sorted)-1)])
	return a + float64((b-a)*(position-float64(below)))
}
