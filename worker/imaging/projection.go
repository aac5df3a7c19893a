package imaging

import "github.com/wellhouse-hcs/wellhouse/enums"

// MaxProjection returns the largest value along N of a stack (N, Y, X), as a
// plane (Y, X) of the stack's type. The stack holds at least one plane, all of
// one shape (Stack.SameShape).
func MaxProjection(s Stack) *Plane {
	out := s[0].Clone()
	for _, p := range s[1:] {
		for i, v := range p.Pix[:len(out.Pix)] {
			if v > out.Pix[i] {
				out.Pix[i] = v
			}
		}
	}
	return out
}

// MeanProjection returns the mean along N of a stack (N, Y, X) as a float32
// plane (Y, X), summed in float64.
func MeanProjection(s Stack) *Plane {
	weights := make([]float64, len(s))
	fill(weights, 1)
	return WeightedMean(s, weights)
}

// WeightedMean returns Σ w·plane / Σ w along N of a stack (N, Y, X) as a float32
// plane (Y, X), summed in float64. Weights are not negative and not all zero.
func WeightedMean(s Stack, weights []float64) *Plane {
	out := NewPlane(s[0].Height, s[0].Width, enums.Float32)
	total := 0.0
	for _, w := range weights {
		total += w
	}
	sum := make([]float64, out.Width)
	for y := range out.Height {
		clear(sum)
		for i, p := range s {
			for x, v := range p.Row(y)[:len(sum)] {
				sum[x] += float64(float64(v) * weights[i])
			}
		}
		row := out.Row(y)
		for x, v := range sum {
			row[x] = float32(v / total)
		}
	}
	return out
}
