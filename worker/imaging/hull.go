package imaging

// convexAreas counts for every object the pixels whose centre is in the convex
// hull of the midpoints of all its pixels' edges (border included), as
// scikit-image's convex_hull_image does. All arithmetic is exact, in half pixels.
func convexAreas(l *Labels, boxes []box) []int {
	first := make([]int, l.Count+1) // of the object's rows in spans
	for i, b := range boxes {
		first[i+1] = first[i] + max(0, int(b.bottom-b.top))
	}
	spans := make([]span, first[l.Count])
	for i := range spans {
		spans[i] = span{int64(l.Width), -1}
	}
	for y := range l.Height {
		row := l.Pix[y*l.Width : (y+1)*l.Width]
		for x := 0; x < len(row); {
			label, start := row[x], x
			for x++; x < len(row) && row[x] == label; x++ {
			}
			if label != 0 {
				s := &spans[first[label-1]+y-int(boxes[label-1].top)]
				s.left, s.right = min(s.left, int64(start)), max(s.right, int64(x-1))
			}
		}
	}
	areas := make([]int, l.Count)
	var h hull
	for i := range areas {
		areas[i] = h.area(spans[first[i]:first[i+1]])
	}
	return areas
}

// span is the first and last pixel of an object in one row; empty if right < left.
type span struct{ left, right int64 }

// vertex is a point in half pixels.
type vertex struct{ y, x int64 }

type hull struct{ left, right []vertex }

// area returns the number of pixel centres in the hull of consecutive rows.
func (h *hull) area(rows []span) int {
	h.left, h.right = h.left[:0], h.right[:0]
	for i, s := range rows {
		if s.right < s.left {
			continue
		}
		y, a, b := 2*int64(i), 2*s.left, 2*s.right
		h.left = chain(chain(chain(h.left, vertex{y - 1, a}), vertex{y, a - 1}), vertex{y + 1, a})
		// The right side is the mirror image of a left side.
		h.right = chain(chain(chain(h.right, vertex{y - 1, -b}), vertex{y, -b - 1}), vertex{y + 1, -b})
	}
	total, l, r := 0, 0, 0
	for i := range rows {
		var from, to int64
		from, l = crossing(h.left, l, 2*int64(i))
		to, r = crossing(h.right, r, 2*int64(i))
		total += int(max(0, -to-from+1))
	}
	return total
}

// chain adds a vertex to the left side of a hull, from top to bottom (Andrew's
// monotone chain). The vertices come with y that never decreases.
func chain(side []vertex, v vertex) []vertex {
	if n := len(side); n > 0 && side[n-1].y == v.y {
		if side[n-1].x <= v.x {
			return side
		}
		side = side[:n-1]
	}
	for n := len(side); n > 1; n = len(side) {
		a, b := side[n-2], side[n-1]
		if (b.x-a.x)*(v.y-a.y) < (v.x-a.x)*(b.y-a.y) {
			break // b is left of the line from a to v
		}
		side = side[:n-1]
	}
	return append(side, v)
}

// crossing returns the first whole pixel at or right of the side at height y,
// and the segment to continue from.
func crossing(side []vertex, segment int, y int64) (int64, int) {
	for segment+2 < len(side) && side[segment+1].y < y {
		segment++
	}
	a, b := side[segment], side[segment+1]
	dy := 2 * (b.y - a.y)
	return ceilDivide(a.x*(b.y-a.y)+(b.x-a.x)*(y-a.y), dy), segment
}

func ceilDivide(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}
