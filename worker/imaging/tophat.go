package imaging

import "math"

// WhiteTophat returns the plane minus its opening with a disk of the given
// radius in pixels: what is bright and narrower than the disk. The pixel type
// stays. It is scikit-image's morphology.white_tophat(img, disk(radius)).
func WhiteTophat(p *Plane, radius int) *Plane {
	out := Opening(p, radius)
	for i, v := range p.Pix {
		out.Pix[i] = v - out.Pix[i]
	}
	return out
}

// Opening returns the erosion and then dilation of a plane (Y, X) with the disk
// x²+y² <= radius², with reflected borders. The pixel type stays.
func Opening(p *Plane, radius int) *Plane {
	out := NewPlane(p.Height, p.Width, p.Type)
	if len(p.Pix) == 0 {
		return out
	}
	keys, eroded := make([]int32, len(p.Pix)), make([]int32, len(p.Pix))
	for i, v := range p.Pix {
		keys[i] = orderKey(v)
	}
	e := newEroder(p.Height, p.Width, radius)
	e.erode(eroded, keys)
	invert(eroded) // a dilation is the erosion of the inverse
	e.erode(keys, eroded)
	invert(keys)
	for i, k := range keys {
		out.Pix[i] = fromKey(k)
	}
	return out
}

func invert(keys []int32) {
	for i := range keys {
		keys[i] = ^keys[i]
	}
}

// eroder takes minima over a disk. Every row of the disk is a chord: the minima
// over each length of chord are made once per source row from minima over
// powers of two and then spread to the rows the chord belongs to (Urbach and
// Wilkinson 2008). The cost per pixel grows with the radius, not its square.
type eroder struct {
	height, width, radius int
	rowsOf                [][]int   // for a half width, the dy that have it
	level                 [][]int32 // minima over 1, 2, 4 … pixels of the padded row
	chord                 []int32
}

func newEroder(height, width, radius int) *eroder {
	e := &eroder{height: height, width: width, radius: radius, rowsOf: make([][]int, radius+1), chord: make([]int32, width)}
	for i, half := range halfWidths(radius) {
		e.rowsOf[half] = append(e.rowsOf[half], i-radius)
	}
	for length := 1; length <= 2*radius+1; length *= 2 {
		e.level = append(e.level, make([]int32, width+2*radius))
	}
	return e
}

func (e *eroder) erode(dst, src []int32) {
	fill(dst, math.MaxInt32)
	for y := -e.radius; y < e.height+e.radius; y++ {
		source := reflectIndex(y, e.height)
		e.levels(src[source*e.width : (source+1)*e.width])
		exponent, length := 0, 1
		for half, rows := range e.rowsOf {
			for 2*length <= 2*half+1 {
				length *= 2
				exponent++
			}
			if len(rows) == 0 {
				continue
			}
			start := e.radius - half
			level := e.level[exponent]
			minimum(e.chord, level[start:], level[start+2*half+1-length:])
			for _, dy := range rows {
				if to := y - dy; to >= 0 && to < e.height {
					row := dst[to*e.width : (to+1)*e.width]
					minimum(row, row, e.chord)
				}
			}
		}
	}
}

// levels fills the tables of minima for one row.
func (e *eroder) levels(row []int32) {
	base := e.level[0]
	copy(base[e.radius:], row)
	for i := range e.radius {
		base[i] = row[reflectIndex(i-e.radius, e.width)]
		base[e.radius+e.width+i] = row[reflectIndex(e.width+i, e.width)]
	}
	for j := 1; j < len(e.level); j++ {
		n, step := len(base)-1<<j+1, 1<<(j-1)
		minimum(e.level[j][:n], e.level[j-1], e.level[j-1][step:])
	}
}

// minimum writes the smaller of a and b to dst.
func minimum(dst, a, b []int32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = min(a[i], b[i])
	}
}
