package imaging

import "slices"

// NucleiOptions are the parameters of a nuclei segmentation.
type NucleiOptions struct {
	Sigma       float64 // smoothing of the image, px
	MinArea     int     // smaller objects are dropped before splitting, px²
	SplitSigma  float64 // smoothing of the distance transform, px
	MinDistance int     // between the peaks that split touching nuclei, px; 0: do not split
}

// DefaultNuclei are the options of the nuclei assay.
func DefaultNuclei() NucleiOptions {
	return NucleiOptions{Sigma: 1, MinArea: 20, SplitSigma: 1, MinDistance: 7}
}

// NucleiSegmenter segments planes one after the other and reuses its buffers,
// about 29 bytes per pixel. It is not for concurrent use.
type NucleiSegmenter struct {
	options  NucleiOptions
	smooth   []float64
	distance []float64
	mask     []bool
	objects  []int32
	regions  regions
	edt      distances
	peaks    peakFinder
	queue    queue
	home     []int32
	highest  []int32
	seeds    []int32
}

// NewNucleiSegmenter returns a segmenter with the given options.
func NewNucleiSegmenter(options NucleiOptions) *NucleiSegmenter {
	return &NucleiSegmenter{options: options}
}

// Segment finds bright nuclei in a plane (Y, X): Gaussian, Otsu, fill holes,
// drop small objects, label (8-connected), smoothed Euclidean distance
// transform, its peaks within each object, watershed (4-connected) from them.
// Nuclei are numbered in the raster order of their first pixels. Sums are
// float64, as in scikit-image given an integer or float64 image.
func (s *NucleiSegmenter) Segment(p *Plane) *Labels {
	height, width, n := p.Height, p.Width, p.Height*p.Width
	out := NewLabels(height, width)
	if n == 0 {
		return out
	}
	s.smooth, s.distance = sized(s.smooth, n), sized(s.distance, n)
	s.mask, s.objects = sized(s.mask, n), zeroed(s.objects, n)

	gaussian(s.smooth, p.Pix, height, width, s.options.Sigma)
	above(s.mask, s.smooth, otsuReal(s.smooth))
	s.regions.fillHoles(s.mask, height, width)
	s.regions.removeSmall(s.mask, height, width, s.options.MinArea)
	count := s.regions.label(s.objects, s.mask, height, width, Connect8)
	if s.options.MinDistance < 1 || count == 0 {
		copy(out.Pix, s.objects)
		out.Count = count
		return out
	}

	edt(&s.edt, s.smooth, s.mask, height, width)
	gaussian(s.distance, s.smooth, height, width, s.options.SplitSigma)
	peaks := findPeaks(&s.peaks, s.distance, s.objects, height, width, count, s.options.MinDistance)
	out.Count = s.split(out.Pix, peaks, height, width)
	return out
}

// split divides the mask among the peaks by a watershed of the negative
// distance and returns the number of parts. Most pieces of the mask have one
// peak and need no flood. That changes nothing: floods do not see each other
// across background, except that peaks of exactly one height leave the queue in
// an order that depends on everything in it. Where this could matter, all is
// flooded.
func (s *NucleiSegmenter) split(labels []int32, peaks []int32, height, width int) int {
	slices.Sort(peaks) // numbers of labels do not matter here, raster order does
	r := &s.regions
	r.runs = findRuns(r.runs, s.mask, height, width, true)
	pieces := 0
	r.component, pieces = joinRuns(r.component, r.runs, Connect4)
	r.size = zeroed(r.size, pieces)      // peaks of a piece
	s.highest = sized(s.highest, pieces) // the label of its last peak
	s.home = sized(s.home, len(peaks))   // the piece of a peak
	next := 0
	for i, at := range peaks {
		for !r.runs[next].contains(at, width) {
			next++
		}
		piece := r.component[next]
		r.size[piece]++
		s.home[i], s.highest[piece] = piece, int32(i+1)
	}
	all := s.tied(peaks)
	fill(labels, outside)
	for i, piece := range r.component {
		label := int32(0)
		if !all && r.size[piece] == 1 {
			label = s.highest[piece]
		} else if r.size[piece] == 0 {
			label = outside
		}
		fill(labels[int(r.runs[i].y)*width:][r.runs[i].start:r.runs[i].end], label)
	}
	seeds := s.seeds[:0]
	for i, at := range peaks {
		if all || r.size[s.home[i]] > 1 {
			labels[at] = int32(i + 1)
			seeds = append(seeds, at)
		}
	}
	s.seeds = seeds
	flood(&s.queue, s.distance, labels, width, -1, seeds)
	return renumber(labels, len(peaks))
}

// tied reports whether two peaks of one piece have the same height.
func (s *NucleiSegmenter) tied(peaks []int32) bool {
	type level struct {
		piece  int32
		height float64
	}
	seen := make(map[level]bool, len(peaks))
	for i, at := range peaks {
		l := level{s.home[i], s.distance[at]}
		if seen[l] {
			return true
		}
		seen[l] = true
	}
	return false
}

// renumber gives labels 1..count the raster order of their first pixels,
// clears everything else, and returns how many there are.
func renumber(labels []int32, count int) int {
	order := make([]int32, count+1)
	next := int32(0)
	previous, number := int32(0), int32(0)
	for i, label := range labels {
		if label != previous {
			previous, number = label, 0
			if label > 0 {
				if order[label] == 0 {
					next++
					order[label] = next
				}
				number = order[label]
			}
		}
		labels[i] = number
	}
	return int(next)
}
