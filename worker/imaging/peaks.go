package imaging

import (
	"cmp"
	"slices"
)

// Point is a pixel.
type Point struct{ Y, X int }

// Peaks finds local maxima of a plane within each object of a label map: pixels
// that no pixel of the same object in the square of side 2·distance+1 around
// them exceeds, any two of one object at least distance apart (in the larger of
// the two coordinates). Objects come in the order of their labels, within one
// the higher peaks first. distance is in pixels, at least 1.
//
// It is scikit-image's feature.peak_local_max(min_distance=distance,
// labels=labels, exclude_border=False). Of equal peaks that are too close the
// first in raster order stays.
func Peaks(p *Plane, l *Labels, distance int) []Point {
	found := findPeaks(new(peakFinder), p.Pix, l.Pix, l.Height, l.Width, l.Count, distance)
	points := make([]Point, len(found))
	for i, at := range found {
		points[i] = Point{int(at) / p.Width, int(at) % p.Width}
	}
	return points
}

// box is a bounding box: rows top..bottom-1, columns left..right-1.
type box struct{ top, left, bottom, right int32 }

// boundingBoxes returns the box of every label 1..count at index label-1; the
// box of a label that does not occur is empty.
func boundingBoxes(boxes []box, labels []int32, height, width, count int) []box {
	boxes = sized(boxes, count)
	fill(boxes, box{int32(height), int32(width), 0, 0})
	for y := range height {
		row := labels[y*width : (y+1)*width]
		for x := 0; x < len(row); {
			label, start := row[x], x
			for x++; x < len(row) && row[x] == label; x++ {
			}
			if label == 0 {
				continue
			}
			b := &boxes[label-1]
			b.top, b.bottom = min(b.top, int32(y)), int32(y+1)
			b.left, b.right = min(b.left, int32(start)), max(b.right, int32(x))
		}
	}
	return boxes
}

// peakFinder holds the buffers of the search, for reuse.
type peakFinder struct {
	boxes      []box
	candidates []int32
	peaks      []int32
}

// findPeaks returns the indices of the peaks; they are valid until the next call.
func findPeaks[T float](f *peakFinder, pix []T, labels []int32, height, width, count, distance int) []int32 {
	f.boxes = boundingBoxes(f.boxes, labels, height, width, count)
	f.peaks = f.peaks[:0]
	floor, _ := extent(pix)
	for i, b := range f.boxes {
		if b.bottom <= b.top {
			continue
		}
		o := object[T]{pix: pix, labels: labels, width: width, label: int32(i + 1), box: b}
		f.candidates = o.candidates(f.candidates[:0], distance, floor)
		slices.SortStableFunc(f.candidates, func(a, b int32) int { return cmp.Compare(pix[b], pix[a]) })
		first := len(f.peaks)
		for _, c := range f.candidates {
			if !crowded(f.peaks[first:], c, width, distance) {
				f.peaks = append(f.peaks, c)
			}
		}
	}
	return f.peaks
}

// crowded reports whether a pixel is nearer than distance to one of the peaks.
func crowded(peaks []int32, at int32, width, distance int) bool {
	y, x := int(at)/width, int(at)%width
	for _, p := range peaks {
		if dy, dx := int(p)/width-y, int(p)%width-x; max(dy, -dy, dx, -dx) < distance {
			return true
		}
	}
	return false
}

// object is one label's view of a plane.
type object[T float] struct {
	pix    []T
	labels []int32
	width  int
	label  int32
	box    box
}

// candidates lists the object's local maxima above floor in raster order. An
// object all of whose pixels are maxima is flat and has only those that an
// opening with a cross removes: the thin ones and the corners.
func (o *object[T]) candidates(list []int32, distance int, floor T) []int32 {
	flat := true
	for y := int(o.box.top); y < int(o.box.bottom); y++ {
		for x := int(o.box.left); x < int(o.box.right); x++ {
			switch at := y*o.width + x; {
			case o.labels[at] != o.label:
			case !o.isMaximum(y, x, 1) || distance > 1 && !o.isMaximum(y, x, distance):
				flat = false
			case o.pix[at] > floor:
				list = append(list, int32(at))
			}
		}
	}
	if flat {
		list = slices.DeleteFunc(list, func(at int32) bool {
			return !o.isolated(int(at)/o.width, int(at)%o.width)
		})
	}
	return list
}

// isMaximum reports whether no pixel of the object within reach is greater.
// Outside the bounding box values count as 0.
func (o *object[T]) isMaximum(y, x, reach int) bool {
	v := o.pix[y*o.width+x]
	top, bottom := max(y-reach, int(o.box.top)), min(y+reach+1, int(o.box.bottom))
	left, right := max(x-reach, int(o.box.left)), min(x+reach+1, int(o.box.right))
	if v < 0 && (bottom-top <= 2*reach || right-left <= 2*reach) {
		return false
	}
	for ; top < bottom; top++ {
		row := o.pix[top*o.width+left : top*o.width+right]
		labels := o.labels[top*o.width+left:][:len(row)]
		for i, w := range row {
			if w > v && labels[i] == o.label {
				return false
			}
		}
	}
	return true
}

// isolated reports whether no cross of five pixels of the object covers y, x.
func (o *object[T]) isolated(y, x int) bool {
	inside := func(y, x int) bool {
		return y >= int(o.box.top) && y < int(o.box.bottom) && x >= int(o.box.left) && x < int(o.box.right) &&
			o.labels[y*o.width+x] == o.label
	}
	cross := func(y, x int) bool {
		return inside(y, x) && inside(y-1, x) && inside(y+1, x) && inside(y, x-1) && inside(y, x+1)
	}
	return !cross(y, x) && !cross(y-1, x) && !cross(y+1, x) && !cross(y, x-1) && !cross(y, x+1)
}
