package imaging

import (
	"math/big"

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
		j := radius
		for ; j > 1; j -= 2 {
			addPairs(column, row(y-j), row(y+j), row(y-j+1), row(y+j-1), weights[j], weights[j-1])
		}
		if j == 1 {
			addPair(column, row(y-1), row(y+1), weights[1])
		}
		for i := range radius {
			padded[i], padded[radius+width+i] = column[0], column[width-1]
		}
		scaleRow(sum, column, weights[0])
		j = radius
		for ; j > 1; j -= 2 {
			addPairs(sum, padded[radius-j:], padded[radius+j:], padded[radius-j+1:], padded[radius+j-1:], weights[j], weights[j-1])
		}
		if j == 1 {
			addPair(sum, padded[radius-1:], padded[radius+1:], weights[1])
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

// addPairs is addPair twice, with half the traffic to memory.
func addPairs[S float](sum []float64, a, b, c, d []S, first, second float64) {
	a, b, c, d = a[:len(sum)], b[:len(sum)], c[:len(sum)], d[:len(sum)]
	for x, s := range sum {
		s += float64((float64(a[x]) + float64(b[x])) * first)
		sum[x] = s + float64((float64(c[x])+float64(d[x]))*second)
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
		full[i] = exactExp(-0.5 / (sigma * sigma) * (d * d))
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

// exactExp is e^x correctly rounded, for x <= 0. math.Exp may be one bit off, and
// differently on each processor; one bit moves a watershed line by a pixel.
func exactExp(x float64) float64 {
	if x < -740 {
		return 0
	}
	const precision, halvings, terms = 160, 16, 12
	small := new(big.Float).SetPrec(precision).SetFloat64(x)
	small.SetMantExp(small, -halvings) // |small| < 0.012
	sum := new(big.Float).SetPrec(precision).SetInt64(1)
	for n := int64(terms); n > 0; n-- { // 1 + x/1·(1 + x/2·(1 + …))
		sum.Mul(sum, small)
		sum.Quo(sum, new(big.Float).SetInt64(n))
		sum.Add(sum, new(big.Float).SetInt64(1))
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	result, _ := sum.Float64()
	return result
}
