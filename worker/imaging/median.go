package imaging

import (
	"fmt"
	"math/bits"
)

// MaxMedianRadius is the largest radius of a median filter, px.
const MaxMedianRadius = 100

// Median returns the median over a disk of the given radius in pixels
// (0..MaxMedianRadius) around every pixel of a plane (Y, X), with reflected
// borders. The pixel type stays. It is
// scipy.ndimage.median_filter(footprint=disk(radius)).
func Median(p *Plane, radius int) *Plane {
	if radius < 0 || radius > MaxMedianRadius {
		panic(fmt.Sprintf("imaging: median radius %d is outside 0..%d", radius, MaxMedianRadius))
	}
	if radius <= 2 {
		return medianSmall(p, radius)
	}
	out := NewPlane(p.Height, p.Width, p.Type)
	t := newMedianTile(radius)
	for y := 0; y < p.Height; y += t.step {
		for x := 0; x < p.Width; x += t.step {
			t.load(p, y, x)
			t.filter(out, y, x)
		}
	}
	return out
}

// medianTile slides a window over a square part of the plane (after Huang, Yang,
// Tang 1979). Samples are replaced by their position in the tile's sorted order,
// which is unique: the window is then a set of bits that fits into the nearest
// cache, whatever the pixel type.
type medianTile struct {
	radius, step int
	half         []int
	middle       int // of the disk's pixels in order, from 0
	height       int // of the tile with its border
	width        int
	sorter       radixSorter
	rank         []uint16
	values       []float32 // by rank
	window       rankWindow
}

func newMedianTile(radius int) *medianTile {
	side := 128
	if radius > 16 {
		side = 256 // 256² samples are the most that uint16 can number
	}
	t := &medianTile{radius: radius, step: side - 2*radius, half: halfWidths(radius)}
	t.rank, t.values = make([]uint16, side*side), make([]float32, side*side)
	size := 0
	for _, half := range t.half {
		size += 2*half + 1
	}
	t.middle = size / 2
	return t
}

// load copies the tile whose inner corner is y, x and ranks its samples.
func (t *medianTile) load(p *Plane, y, x int) {
	t.height = min(t.step, p.Height-y) + 2*t.radius
	t.width = min(t.step, p.Width-x) + 2*t.radius
	columns := make([]int, t.width)
	for j := range columns {
		columns[j] = reflectIndex(x-t.radius+j, p.Width)
	}
	keys := t.sorter.reset(t.height * t.width)
	for i := range t.height {
		row := p.Row(reflectIndex(y-t.radius+i, p.Height))
		for j, column := range columns {
			keys[i*t.width+j] = uint32(orderKey(row[column])) ^ 1<<31
		}
	}
	sorted, order := t.sorter.sort()
	for i, at := range order {
		t.rank[at] = uint16(i)
		t.values[i] = fromKey(int32(sorted[i] ^ 1<<31))
	}
}

// filter walks the tile row by row, to and fro, so that every step exchanges
// only the rim of the disk.
func (t *medianTile) filter(out *Plane, y, x int) {
	w, r, last := &t.window, t.radius, t.width-2*t.radius-1
	*w = rankWindow{}
	for i, half := range t.half {
		at := i*t.width + r
		for _, v := range t.rank[at-half : at+half+1] {
			w.exchange(v, v) // sets the bit and counts nothing: the window starts at rank 0
		}
	}
	row, column, step := 0, 0, 1
	for {
		out.Pix[(y+row)*out.Width+x+column] = t.values[w.element(t.middle)]
		switch {
		case column+step >= 0 && column+step <= last:
			at := row*t.width + r + column
			for _, half := range t.half {
				w.exchange(t.rank[at-step*half], t.rank[at+step*(half+1)])
				at += t.width
			}
			column += step
		case row < t.height-2*r-1:
			at := (r+row)*t.width + column
			for i, half := range t.half {
				w.exchange(t.rank[at+i-half*t.width], t.rank[at+i+(half+1)*t.width])
			}
			row, step = row+1, -step
		default:
			return
		}
	}
}

// rankWindow is a set of ranks with a pointer to one of them.
type rankWindow struct {
	set   [1 << 10]uint64
	at    int // the pointer
	below int // members less than at
}

// exchange takes a rank out and puts another one in.
func (w *rankWindow) exchange(out, in uint16) {
	w.set[out>>6] &^= 1 << (out & 63)
	w.set[in>>6] |= 1 << (in & 63)
	// The sign bit instead of a branch that would be wrong half the time.
	w.below += int(uint64(int(in)-w.at)>>63) - int(uint64(int(out)-w.at)>>63)
}

// element moves the pointer to the member that has k members below it.
func (w *rankWindow) element(k int) int {
	for w.below > k {
		w.at--
		word, rest := w.at>>6, w.set[w.at>>6]<<(63-w.at&63)
		if rest == 0 {
			for word--; w.set[word] == 0; word-- {
			}
			w.at, rest = word<<6+63, w.set[word]
		}
		w.at -= bits.LeadingZeros64(rest)
		w.below--
	}
	for {
		word, rest := w.at>>6, w.set[w.at>>6]>>(w.at&63)
		if rest == 0 {
			for word++; w.set[word] == 0; word++ {
			}
			w.at, rest = word<<6, w.set[word]
		}
		w.at += bits.TrailingZeros64(rest)
		if w.below == k {
			return w.at
		}
		w.below++
		w.at++
	}
}
