package imaging

// medianSmall is Median for radii up to 2: at most 13 values per pixel are
// fewer than a sliding window has to exchange.
func medianSmall(p *Plane, radius int) *Plane {
	out := NewPlane(p.Height, p.Width, p.Type)
	if radius == 0 || len(p.Pix) == 0 {
		copy(out.Pix, p.Pix)
		return out
	}
	half, stride := halfWidths(radius), p.Width+2*radius
	// A ring of the rows in reach, reflected, as keys: comparing whole numbers
	// costs no branch.
	ring := make([]int32, len(half)*stride)
	row := func(y int) []int32 {
		slot := (y + radius) % len(half)
		return ring[slot*stride : (slot+1)*stride]
	}
	load := func(y int) {
		from, to := p.Row(reflectIndex(y, p.Height)), row(y)
		for i := range to {
			to[i] = orderKey(from[reflectIndex(i-radius, p.Width)])
		}
	}
	for y := -radius; y < radius; y++ {
		load(y)
	}
	for y := range p.Height {
		load(y + radius)
		to := out.Row(y)
		switch radius {
		case 1:
			a, b, c := row(y-1), row(y), row(y+1)
			for x := range to {
				v := [5]int32{a[x+1], b[x], b[x+1], b[x+2], c[x+1]}
				to[x] = fromKey(medianOf(v[:]))
			}
		case 2:
			a, b, c, d, e := row(y-2), row(y-1), row(y), row(y+1), row(y+2)
			for x := range to {
				v := [13]int32{
					a[x+2], b[x+1], b[x+2], b[x+3], c[x], c[x+1], c[x+2], c[x+3], c[x+4], d[x+1], d[x+2], d[x+3], e[x+2],
				}
				to[x] = fromKey(medianOf(v[:]))
			}
		}
	}
	return out
}

// medianOf returns the median of an odd number of values, which it disorders. Of
// more than half of the values neither the smallest nor the largest can be the
// median: both are dropped and one more value is looked at, until one is left.
func medianOf(v []int32) int32 {
	next := len(v)/2 + 2
	for window := v[:next]; ; next++ {
		last := len(window) - 1
		smallest, largest := min(window[0], window[last]), max(window[0], window[last])
		for i := 1; i < last; i++ {
			w := window[i]
			smallest, w = min(smallest, w), max(smallest, w)
			largest, window[i] = max(largest, w), min(largest, w)
		}
		if next == len(v) {
			return window[1]
		}
		window[last] = v[next]
		window = window[1:]
	}
}
