package imaging

import (
	"math"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

type float interface{ ~float32 | ~float64 }

// Gaussian smooths a plane (Y, X) with a Gaussian of the given standard
// deviation in pixels; sigma <= 0 returns a copy. The result is float32.
//
// It is scikit-image's filters.gaussian(mode="nearest", truncate=4,
// preserve_range=True): a separable kernel of radius int(4·sigma+0.5),
// normalised to 1, with sums in float64.
func Gaussian(p *Plane, sigma float64) *Plane {
	out := NewPlane(p.Height, p.Width, enums.Float32)
	gaussian(out.Pix, p.Pix, p.Height, p.Width, sigma)
	return out
}

// gaussian smooths src into dst. The vertical sum of one row goes straight into
// the horizontal pass, so that no intermediate plane exists; terms are added in
// SciPy's order (centre, then the outermost pair inwards), which makes float64
// results identical to SciPy's.
func gaussian[D, S float](dst []D, src []S, height, width int, sigma float64) {
	weights := gaussianWeights(sigma)
	radius := len(weights) - 1
	if height == 0 || width == 0 {
		return
	}
	padded := make([]float64, width+2*radius)
	column := padded[radius : radius+width]
	sum := make([]float64, width)
	row := func(y int) []S {
		y = clampIndex(y, height)
		return src[y*width : (y+1)*width]
	}
	for y := range height {
		scaleRow(column, row(y), weights[0])
		for j := radius; j > 0; j-- {
			addPair(column, row(y-j), row(y+j), weights[j])
		}
		for i := range radius {
			padded[i], padded[radius+width+i] = column[0], column[width-1]
		}
		scaleRow(sum, column, weights[0])
		for j := radius; j > 0; j-- {
			addPair(sum, padded[radius-j:][:width], padded[radius+j:][:width], weights[j])
		}
		out := dst[y*width:][:len(sum)]
		for x, v := range sum {
			out[x] = D(v)
		}
	}
}

func scaleRow[S float](sum []float64, row []S, weight float64) {
	row = row[:len(sum)]
	for x := range sum {
		sum[x] = float64(row[x]) * weight
	}
}

func addPair[S float](sum []float64, a, b []S, weight float64) {
	a, b = a[:len(sum)], b[:len(sum)]
	for x, s := range sum {
		// The conversion keeps the product from being fused into the sum.
		sum[x] = s + float64((float64(a[x])+float64(b[x]))*weight)
	}
}

// gaussianWeights returns the weights at distance 0..radius.
func gaussianWeights(sigma float64) []float64 {
	if sigma <= 0 {
		return []float64{1}
	}
	radius := int(4*sigma + 0.5)
	full := make([]float64, 2*radius+1)
	for i := range full {
		d := float64(i - radius)
		full[i] = math.Exp(-0.5 / (sigma * sigma) * (d * d))
	}
	total := pairwiseSum(full)
	weights := make([]float64, radius+1)
	for i := range weights {
		weights[i] = full[radius+i] / total
	}
	return weights
}

// pairwiseSum adds in NumPy's order, so that normalised weights agree with
// SciPy's in the last bit.
func pairwiseSum(v []float64) float64 {
	switch {
	case len(v) < 8:
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		return sum
	case len(v) <= 128:
		var lane [8]float64
		copy(lane[:], v)
		i := 8
		for ; i+8 <= len(v); i += 8 {
			for j := range lane {
				lane[j] += v[i+j]
			}
		}
		sum := ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
		for ; i < len(v); i++ {
			sum += v[i]
		}
		return sum
	default:
		half := len(v) / 2
		half -= half % 8
		return pairwiseSum(v[:half]) + pairwiseSum(v[half:])
	}
}
