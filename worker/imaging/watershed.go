package imaging

// Watershed floods the mask from markers over the landscape p, lowest pixels
// first, by 4-connected steps. Marker i gets label i+1; a pixel of the mask no
// flood reaches stays background, a marker outside the mask has no effect.
// Of equal pixels the one seen first is flooded first.
//
// It is scikit-image's segmentation.watershed(p, markers, mask=mask), with its
// queue and order of neighbours, so that ties are settled alike.
func Watershed(p *Plane, markers []Point, mask *Mask) *Labels {
	l := NewLabels(p.Height, p.Width)
	l.Count = len(markers)
	for i, inside := range mask.Pix {
		if !inside {
			l.Pix[i] = outside
		}
	}
	for i, m := range markers {
		if at := m.Y*p.Width + m.X; l.Pix[at] != outside {
			l.Pix[at] = int32(i + 1)
		}
	}
	var seeds []int32
	for i, v := range l.Pix {
		if v > 0 {
			seeds = append(seeds, int32(i))
		}
	}
	flood(new(queue), p.Pix, l.Pix, p.Width, 1, seeds)
	for i, v := range l.Pix {
		if v == outside {
			l.Pix[i] = 0
		}
	}
	return l
}

// outside marks pixels a flood may not enter.
const outside = -1

// flood spreads the labels of the seeds, in raster order, over the pixels that
// are 0. The landscape is sign·pix.
func flood[T float](q *queue, pix []T, labels []int32, width int, sign T, seeds []int32) {
	q.items = q.items[:0]
	for _, i := range seeds {
		q.push(entry{float64(sign * pix[i]), 0, i})
	}
	age := int32(0)
	last := uint32(width - 1)
	for len(q.items) > 0 {
		at := q.pop().index
		label := labels[at]
		visit := func(next int32) {
			if labels[next] == 0 {
				age++
				labels[next] = label
				q.push(entry{float64(sign * pix[next]), age, next})
			}
		}
		x := uint32(at) % uint32(width)
		if int(at) >= width {
			visit(at - int32(width))
		}
		if x > 0 {
			visit(at - 1)
		}
		if x < last {
			visit(at + 1)
		}
		if int(at)+width < len(labels) {
			visit(at + int32(width))
		}
	}
}

// entry is a pixel waiting to spread its label.
type entry struct {
	value float64
	age   int32
	index int32
}

func (a entry) before(b entry) bool {
	return a.value < b.value || a.value == b.value && a.age < b.age
}

// queue is a binary heap of entries. Equal entries (markers on the same level
// all have age 0) leave it in the order that scikit-image's heap gives them, so
// it compares in the same places as that one does.
type queue struct{ items []entry }

func (q *queue) push(e entry) {
	q.items = append(q.items, e)
	items, child := q.items, len(q.items)-1
	for child > 0 {
		parent := (child - 1) / 2
		if !e.before(items[parent]) {
			break
		}
		items[child] = items[parent]
		child = parent
	}
	items[child] = e
}

func (q *queue) pop() entry {
	items := q.items
	first, n := items[0], len(items)-1
	e := items[n]
	items = items[:n]
	q.items = items
	if n == 0 {
		return first
	}
	i := 0
	for {
		left := 2*i + 1
		if left >= n {
			break
		}
		smallest, child := e, i
		if items[left].before(smallest) {
			smallest, child = items[left], left
		}
		if right := left + 1; right < n && items[right].before(smallest) {
			smallest, child = items[right], right
		}
		if child == i {
			break
		}
		items[i] = smallest
		i = child
	}
	items[i] = e
	return first
}
