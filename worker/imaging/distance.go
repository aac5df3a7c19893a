package imaging

import (
	"math"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// DistanceTransform returns for every pixel of the mask its Euclidean distance
// in pixels to the nearest background pixel, and 0 for background. It is exact
// (SciPy's distance_transform_edt); the result is float32.
//
// A mask without any background has no such distance: like SciPy it is then
// measured to the point (-1, 0) outside the image.
func DistanceTransform(m *Mask) *Plane {
	out := NewPlane(m.Height, m.Width, enums.Float32)
	edt(new(distances), out.Pix, m.Pix, m.Height, m.Width)
	return out
}

// distances holds the buffers of the distance transform, for reuse.
type distances struct {
	column []int32 // distance to the nearest background in the same column
	site   []int32 // the lower envelope of a run: its parabolas …
	from   []int32 // … and where each begins
}

// edt writes the distance of every pixel to dst.
//
// The algorithm is Meijster, Roerdink, Hesselink (2000): distances along
// columns, then the lower envelope of parabolas along rows. Every run of
// foreground stands alone: the background pixel at its end is nearer than
// anything behind it.
func edt[D float](d *distances, dst []D, mask []bool, height, width int) {
	if !slices.Contains(mask, false) {
		for y := range height {
			for x := range width {
				dst[y*width+x] = D(math.Sqrt(float64((y+1)*(y+1) + x*x)))
			}
		}
		return
	}
	d.column = sized(d.column, height*width)
	d.columns(mask, height, width)
	d.site, d.from = sized(d.site, width+2), sized(d.from, width+2)
	for y := range height {
		row, out := d.column[y*width:(y+1)*width], dst[y*width:(y+1)*width]
		for x := 0; x < width; {
			if row[x] == 0 {
				out[x] = 0
				x++
				continue
			}
			start := x
			for x < width && row[x] != 0 {
				x++
			}
			edtRun(d, out, row, start, x)
		}
	}
}

// columns fills d.column, going down and up row by row to stay in cache.
func (d *distances) columns(mask []bool, height, width int) {
	far := int32(height + width + 1) // beyond any true distance
	g := d.column
	for y := range height {
		row, inside := g[y*width:(y+1)*width], mask[y*width:(y+1)*width]
		if y == 0 {
			for x := range row {
				row[x] = 0
				if inside[x] {
					row[x] = far
				}
			}
			continue
		}
		above := g[(y-1)*width : y*width]
		for x := range row {
			n := min(above[x]+1, far)
			if !inside[x] {
				n = 0
			}
			row[x] = n
		}
	}
	for y := height - 2; y >= 0; y-- {
		row, below := g[y*width:(y+1)*width], g[(y+1)*width:(y+2)*width]
		for x := range row {
			row[x] = min(row[x], below[x]+1)
		}
	}
}

// edtRun computes the pixels start..end-1 of one row, all foreground, from the
// parabolas of these columns and of the background pixels beside them.
func edtRun[D float](d *distances, out []D, column []int32, start, end int) {
	first, last := int32(max(start-1, 0)), int32(min(end, len(column)-1))
	site, from := d.site, d.from
	at := func(x, i int32) int64 { // parabola i at x
		g, dx := int64(column[i]), int64(x-i)
		return dx*dx + g*g
	}
	top := 0
	site[0], from[0] = first, first
	for u := first + 1; u <= last; u++ {
		for top >= 0 && at(from[top], site[top]) > at(from[top], u) {
			top--
		}
		if top < 0 {
			top = 0
			site[0], from[0] = u, first
			continue
		}
		// Parabola u is the lower one after the column where the two meet.
		i := site[top]
		meet := (at(0, u) - at(0, i)) / (2 * int64(u-i))
		if meet < int64(last) {
			top++
			site[top], from[top] = u, int32(meet)+1
		}
	}
	for x := last; x >= first; x-- {
		if int(x) >= start && int(x) < end {
			out[x] = D(math.Sqrt(float64(at(x, site[top]))))
		}
		if x == from[top] && top > 0 {
			top--
		}
	}
}
