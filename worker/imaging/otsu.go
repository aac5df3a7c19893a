package imaging

// otsuBins is the number of bins for images of real numbers.
const otsuBins = 256

// Otsu returns the threshold that separates a plane into two classes with the
// largest variance between them; foreground is what is greater. A constant
// plane gives its value, an empty one 0.
//
// It is scikit-image's filters.threshold_otsu: one bin per value for integer
// types, else 256 bins of which the centre is returned (Otsu 1979).
func Otsu(p *Plane) float64 {
	if p.Integer() {
		return otsuInteger(p.Pix)
	}
	return otsuReal(p.Pix)
}

// Threshold returns the mask of the pixels greater than t.
func Threshold(p *Plane, t float64) *Mask {
	m := NewMask(p.Height, p.Width)
	above(m.Pix, p.Pix, t)
	return m
}

func above[T float](mask []bool, pix []T, t float64) {
	pix = pix[:len(mask)]
	for i := range mask {
		mask[i] = float64(pix[i]) > t
	}
}

// extent returns the smallest and largest value.
func extent[T float](pix []T) (low, high T) {
	if len(pix) == 0 {
		return 0, 0
	}
	low, high = pix[0], pix[0]
	for _, v := range pix {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	return low, high
}

func otsuInteger(pix []float32) float64 {
	low, high := extent(pix)
	if low == high {
		return float64(low)
	}
	counts := make([]float64, int(high)-int(low)+1)
	offset := int(low)
	for _, v := range pix {
		counts[int(v)-offset]++
	}
	centres := make([]float64, len(counts))
	for i := range centres {
		centres[i] = float64(offset + i)
	}
	return centres[otsuSplit(counts, centres)]
}

func otsuReal[T float](pix []T) float64 {
	low, high := extent(pix)
	if low == high {
		return float64(low)
	}
	counts, edges := histogram(pix, float64(low), float64(high), otsuBins)
	centres := make([]float64, otsuBins)
	for i := range centres {
		centres[i] = (edges[i] + edges[i+1]) / 2
	}
	return centres[otsuSplit(counts, centres)]
}

// histogram counts pix in equal bins from low to high; the last bin is closed.
// Like numpy.histogram it corrects the computed bin by comparing with its edges.
func histogram[T float](pix []T, low, high float64, bins int) (counts, edges []float64) {
	step := (high - low) / float64(bins)
	edges = make([]float64, bins+1)
	for i := range edges {
		edges[i] = float64(float64(i)*step) + low
	}
	edges[bins] = high
	norm := float64(bins) / (high - low)
	tally := make([]int, bins)
	for _, value := range pix {
		v := float64(value)
		bin := min(int((v-low)*norm), bins-1)
		if v < edges[bin] {
			bin--
		} else if v >= edges[bin+1] && bin != bins-1 {
			bin++
		}
		tally[bin]++
	}
	counts = make([]float64, bins)
	for i, n := range tally {
		counts[i] = float64(n)
	}
	return counts, edges
}

// otsuSplit returns the last bin of the lower class.
func otsuSplit(counts, centres []float64) int {
	n := len(counts)
	// Weight and mean of everything from bin i up.
	upperWeight, upperMean := make([]float64, n), make([]float64, n)
	weight, sum := 0.0, 0.0
	for i := n - 1; i >= 0; i-- {
		weight += counts[i]
		sum += float64(counts[i] * centres[i])
		upperWeight[i], upperMean[i] = weight, sum/weight
	}
	best, split := -1.0, 0
	weight, sum = 0, 0
	for i := range n - 1 {
		weight += counts[i]
		sum += float64(counts[i] * centres[i])
		distance := sum/weight - upperMean[i+1]
		if between := float64(weight*upperWeight[i+1]) * float64(distance*distance); between > best {
			best, split = between, i
		}
	}
	return split
}
