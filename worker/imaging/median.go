package imaging

import (
	"fmt"
	"math/bits"
	"slices"
)

// MaxMedianRadius is the largest radius of a median filter, px.
const MaxMedianRadius = 100

// Median returns the median over a disk of the given radius in pixels
// (0..MaxMedianRadius) around every pixel of a plane (Y, X), with reflected
// borders. The pixel type stays. It is
// scipy.ndimage.median_filter(footprint=disk(radius)).
//
// A histogram slides over the plane (Huang, Yang, Tang 1979), in tiles. Real
// numbers are replaced by their ranks within the tile, so that they have one.
func Median(p *Plane, radius int) *Plane {
	if radius < 0 || radius > MaxMedianRadius {
		panic(fmt.Sprintf("imaging: median radius %d is outside 0..%d", radius, MaxMedianRadius))
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

// tileSide is the side of a tile with its border: 256² samples have at most
// 2^16 ranks.
const tileSide = 256

type medianTile struct {
	radius, step int
	half         []int
	size         int // pixels of the disk
	height       int // of the tile with its border
	width        int
	rank         []uint16
	values       []float32 // by rank
	sorted       []uint64
	window       rankWindow
}

func newMedianTile(radius int) *medianTile {
	t := &medianTile{radius: radius, step: tileSide - 2*radius, half: halfWidths(radius), rank: make([]uint16, tileSide*tileSide)}
	for _, half := range t.half {
		t.size += 2*half + 1
	}
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
	t.sorted = t.sorted[:0]
	for i := range t.height {
		row := p.Row(reflectIndex(y-t.radius+i, p.Height))
		for j, column := range columns {
			if p.Integer() {
				t.rank[i*t.width+j] = uint16(row[column])
				continue
			}
			key := uint32(orderKey(row[column])) ^ 1<<31
			t.sorted = append(t.sorted, uint64(key)<<32|uint64(i*t.width+j))
		}
	}
	if p.Integer() {
		t.values = sized(t.values, 1<<16)
		for i := range t.values {
			t.values[i] = float32(i)
		}
		return
	}
	slices.Sort(t.sorted)
	t.values = t.values[:0]
	for i, s := range t.sorted {
		key := uint32(s >> 32)
		if i == 0 || key != uint32(t.sorted[i-1]>>32) {
			t.values = append(t.values, fromKey(int32(key^1<<31)))
		}
		t.rank[uint32(s)] = uint16(len(t.values) - 1)
	}
}

// filter walks the tile row by row, to and fro, so that every step exchanges
// only the rim of the disk.
func (t *medianTile) filter(out *Plane, y, x int) {
	w, r, last := &t.window, t.radius, t.width-2*t.radius-1
	w.rank = t.size / 2
	t.whole(r, r, w.add)
	row, column, step := 0, 0, 1
	for {
		out.Pix[(y+row)*out.Width+x+column] = t.values[w.median()]
		switch {
		case column+step >= 0 && column+step <= last:
			t.sideways(r+row, r+column, step)
			column += step
			continue
		case row == t.height-2*r-1:
			t.whole(r+row, r+column, w.remove) // leave the window empty for the next tile
			w.value, w.below = 0, 0
			return
		}
		t.down(r+row, r+column)
		row, step = row+1, -step
	}
}

func (t *medianTile) whole(y, x int, visit func(uint16)) {
	for i, half := range t.half {
		at := (y+i-t.radius)*t.width + x
		for _, v := range t.rank[at-half : at+half+1] {
			visit(v)
		}
	}
}

func (t *medianTile) sideways(y, x, step int) {
	at := (y-t.radius)*t.width + x
	for _, half := range t.half {
		t.window.remove(t.rank[at-step*half])
		t.window.add(t.rank[at+step*(half+1)])
		at += t.width
	}
}

func (t *medianTile) down(y, x int) {
	at := y*t.width + x - t.radius
	for i, half := range t.half {
		t.window.remove(t.rank[at+i-half*t.width])
		t.window.add(t.rank[at+i+(half+1)*t.width])
	}
}

// rankWindow is a multiset of ranks that knows its element of one order.
type rankWindow struct {
	rank    int // the order wanted, from 0
	value   int // the current answer
	below   int // elements less than value
	count   [1 << 16]uint16
	used    [1 << 10]uint64 // a bit per rank that occurs
	summary [1 << 4]uint64  // a bit per word of used that is not zero
}

func (w *rankWindow) add(v uint16) {
	if w.count[v]++; w.count[v] == 1 {
		w.used[v>>6] |= 1 << (v & 63)
		w.summary[v>>12] |= 1 << (v >> 6 & 63)
	}
	if int(v) < w.value {
		w.below++
	}
}

func (w *rankWindow) remove(v uint16) {
	if w.count[v]--; w.count[v] == 0 {
		if w.used[v>>6] &^= 1 << (v & 63); w.used[v>>6] == 0 {
			w.summary[v>>12] &^= 1 << (v >> 6 & 63)
		}
	}
	if int(v) < w.value {
		w.below--
	}
}

// median moves to the wanted element from where it was.
func (w *rankWindow) median() int {
	for w.below > w.rank {
		w.value = w.previous(w.value)
		w.below -= int(w.count[w.value])
	}
	for w.below+int(w.count[w.value]) <= w.rank {
		w.below += int(w.count[w.value])
		w.value = w.next(w.value)
	}
	return w.value
}

// next returns the next greater rank that occurs; there is one.
func (w *rankWindow) next(v int) int {
	v++
	if rest := w.used[v>>6] >> (v & 63); rest != 0 {
		return v + bits.TrailingZeros64(rest)
	}
	word := v>>6 + 1
	block := word >> 6
	rest := w.summary[block] >> (word & 63) << (word & 63)
	for rest == 0 {
		block++
		rest = w.summary[block]
	}
	word = block<<6 + bits.TrailingZeros64(rest)
	return word<<6 + bits.TrailingZeros64(w.used[word])
}

// previous returns the next smaller rank that occurs; there is one.
func (w *rankWindow) previous(v int) int {
	v--
	if rest := w.used[v>>6] << (63 - v&63); rest != 0 {
		return v - bits.LeadingZeros64(rest)
	}
	word := v>>6 - 1
	block := word >> 6
	rest := w.summary[block] << (63 - word&63) >> (63 - word&63)
	for rest == 0 {
		block--
		rest = w.summary[block]
	}
	word = block<<6 + 63 - bits.LeadingZeros64(rest)
	return word<<6 + 63 - bits.LeadingZeros64(w.used[word])
}
