package imaging

// run is a horizontal run of pixels start..end-1 in row y.
type run struct{ y, start, end int32 }

// contains reports whether the pixel with index at belongs to the run.
func (r run) contains(at int32, width int) bool {
	start := r.y*int32(width) + r.start
	return at >= start && at < start+r.end-r.start
}

// Connectivity says which pixels touch.
type Connectivity int

// The two neighbourhoods of a pixel.
const (
	Connect4 Connectivity = 4 // edges
	Connect8 Connectivity = 8 // edges and corners
)

// findRuns lists the runs of pixels equal to value, in raster order.
func findRuns(runs []run, mask []bool, height, width int, value bool) []run {
	runs = runs[:0]
	for y := range height {
		row := mask[y*width : (y+1)*width]
		for x := 0; x < len(row); {
			for x < len(row) && row[x] != value {
				x++
			}
			start := x
			for x < len(row) && row[x] == value {
				x++
			}
			if x > start {
				runs = append(runs, run{int32(y), int32(start), int32(x)})
			}
		}
	}
	return runs
}

// joinRuns finds connected runs. It returns for every run its component, numbered
// from 0 in the raster order of the components' first pixels, and their number.
// (Union-find over runs, after He, Chao, Suzuki 2008.)
func joinRuns(component []int32, runs []run, connectivity Connectivity) ([]int32, int) {
	parent := component[:0]
	for i := range runs {
		parent = append(parent, int32(i))
	}
	find := func(i int32) int32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	reach := int32(0)
	if connectivity == Connect8 {
		reach = 1
	}
	above := 0 // first run of the row above that can still touch
	for i, r := range runs {
		for above < i && (runs[above].y < r.y-1 || runs[above].y == r.y-1 && runs[above].end+reach <= r.start) {
			above++
		}
		for j := above; j < i && runs[j].y == r.y-1 && runs[j].start < r.end+reach; j++ {
			a, b := find(int32(i)), find(int32(j))
			// The smaller index wins: a root is its component's first run.
			parent[max(a, b)] = min(a, b)
		}
	}
	count := int32(0)
	for i := range parent {
		if parent[i] == int32(i) {
			parent[i] = count
			count++
		} else {
			parent[i] = parent[parent[i]] // already numbered: roots come first
		}
	}
	return parent, int(count)
}

// Label numbers the connected components of a mask from 1, in the raster order
// of their first pixels, as scikit-image's measure.label does.
func Label(m *Mask, connectivity Connectivity) *Labels {
	l := NewLabels(m.Height, m.Width)
	l.Count = new(regions).label(l.Pix, m.Pix, m.Height, m.Width, connectivity)
	return l
}

// FillHoles returns the mask with every hole filled: background that no path of
// 4-connected steps joins to the border (SciPy's binary_fill_holes).
func FillHoles(m *Mask) *Mask {
	out := &Mask{Height: m.Height, Width: m.Width, Pix: append([]bool(nil), m.Pix...)}
	new(regions).fillHoles(out.Pix, m.Height, m.Width)
	return out
}

// RemoveSmall returns the mask without components of fewer than area pixels.
// Components are 4-connected, the default of scikit-image's
// morphology.remove_small_objects.
func RemoveSmall(m *Mask, area int) *Mask {
	out := &Mask{Height: m.Height, Width: m.Width, Pix: append([]bool(nil), m.Pix...)}
	new(regions).removeSmall(out.Pix, m.Height, m.Width, area)
	return out
}

// regions holds the buffers of the operations on components, for reuse.
type regions struct {
	runs      []run
	component []int32
	size      []int32
}

// label writes to labels, which must be zero, and returns how many there are.
func (g *regions) label(labels []int32, mask []bool, height, width int, connectivity Connectivity) int {
	g.runs = findRuns(g.runs, mask, height, width, true)
	count := 0
	g.component, count = joinRuns(g.component, g.runs, connectivity)
	for i, r := range g.runs {
		fill(labels[int(r.y)*width:][r.start:r.end], g.component[i]+1)
	}
	return count
}

func (g *regions) fillHoles(mask []bool, height, width int) {
	g.runs = findRuns(g.runs, mask, height, width, false)
	count := 0
	g.component, count = joinRuns(g.component, g.runs, Connect4)
	g.size = zeroed(g.size, count) // 1: reaches the border
	for i, r := range g.runs {
		if r.y == 0 || int(r.y) == height-1 || r.start == 0 || int(r.end) == width {
			g.size[g.component[i]] = 1
		}
	}
	for i, r := range g.runs {
		if g.size[g.component[i]] == 0 {
			fill(mask[int(r.y)*width:][r.start:r.end], true)
		}
	}
}

func (g *regions) removeSmall(mask []bool, height, width, area int) {
	g.runs = findRuns(g.runs, mask, height, width, true)
	count := 0
	g.component, count = joinRuns(g.component, g.runs, Connect4)
	g.size = zeroed(g.size, count)
	for i, r := range g.runs {
		g.size[g.component[i]] += r.end - r.start
	}
	for i, r := range g.runs {
		if int(g.size[g.component[i]]) < area {
			fill(mask[int(r.y)*width:][r.start:r.end], false)
		}
	}
}

// zeroed returns a slice of n zeros, in s's memory when it is large enough.
func zeroed[T any](s []T, n int) []T {
	s = sized(s, n)
	clear(s)
	return s
}

// sized returns a slice of length n with any content, in s's memory when it is
// large enough.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
