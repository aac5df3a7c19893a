package imaging

import "math"

// Region is the shape of one object. Lengths are in pixels, areas in px²; X is
// the column and Y the row, counted from 0 at the centre of the first pixel.
type Region struct {
	Label                    int
	Area                     int
	Top, Left, Bottom, Right int // bounding box: rows Top..Bottom-1, columns Left..Right-1
	CentreY, CentreX         float64
	Perimeter                float64 // Benkrid and Crookes' estimate; 0 for fewer than 2 border steps
	MajorAxis, MinorAxis     float64 // of the ellipse with the same second moments
	Eccentricity             float64 // of that ellipse, 0 (circle) to 1 (line)
	Orientation              float64 // radians, −π/2..π/2, from the Y axis to the major axis, counter-clockwise
	ConvexArea               int     // pixels in the convex hull
}

// Solidity is the share of the convex hull that the object fills, 0..1.
func (r Region) Solidity() float64 { return float64(r.Area) / float64(r.ConvexArea) }

// Extent is the share of the bounding box that the object fills, 0..1.
func (r Region) Extent() float64 {
	return float64(r.Area) / float64((r.Bottom-r.Top)*(r.Right-r.Left))
}

// EquivalentDiameter is the diameter of the circle of the same area, px.
func (r Region) EquivalentDiameter() float64 { return math.Sqrt(4 * float64(r.Area) / math.Pi) }

// FormFactor is 4π·area/perimeter²: 1 for a circle, less for other shapes, and
// 0 where the perimeter is 0 (objects of one or two pixels).
func (r Region) FormFactor() float64 {
	if r.Perimeter == 0 {
		return 0
	}
	return 4 * math.Pi * float64(r.Area) / (r.Perimeter * r.Perimeter)
}

// RegionProps measures every object of a label map, in the order of the labels;
// a label that does not occur is left out. Values are those of scikit-image's
// measure.regionprops.
func RegionProps(l *Labels) []Region {
	boxes := boundingBoxes(nil, l.Pix, l.Height, l.Width, l.Count)
	moments := rawMoments(l, boxes)
	perimeters := perimeters(l)
	convex := convexAreas(l, boxes)
	regions := make([]Region, 0, l.Count)
	for i, m := range moments {
		if m.n == 0 {
			continue
		}
		b := boxes[i]
		r := Region{
			Label: i + 1, Area: int(m.n), Perimeter: perimeters[i], ConvexArea: convex[i],
			Top: int(b.top), Left: int(b.left), Bottom: int(b.bottom), Right: int(b.right),
		}
		m.shape(&r)
		regions = append(regions, r)
	}
	return regions
}

// moment holds sums over an object's pixels, relative to its bounding box, so
// that they are exact and differences of them keep their digits.
type moment struct{ n, y, x, yy, xx, yx int64 }

func rawMoments(l *Labels, boxes []box) []moment {
	moments := make([]moment, l.Count)
	for y := range l.Height {
		row := l.Pix[y*l.Width : (y+1)*l.Width]
		for x := 0; x < len(row); {
			label, start := row[x], x
			for x++; x < len(row) && row[x] == label; x++ {
			}
			if label == 0 {
				continue
			}
			m, b := &moments[label-1], boxes[label-1]
			dy, a, n := int64(y)-int64(b.top), int64(start)-int64(b.left), int64(x-start)
			last := a + n - 1
			sum := (a + last) * n / 2
			m.n += n
			m.y += dy * n
			m.x += sum
			m.yy += dy * dy * n
			m.yx += dy * sum
			m.xx += squares(last) - squares(a-1)
		}
	}
	return moments
}

// squares is 0²+1²+…+n², and 0 for n = -1.
func squares(n int64) int64 { return n * (n + 1) * (2*n + 1) / 6 }

// shape fills what follows from the second moments.
func (m moment) shape(r *Region) {
	n := float64(m.n)
	r.CentreY = float64(r.Top) + float64(m.y)/n
	r.CentreX = float64(r.Left) + float64(m.x)/n
	central := func(square, a, b int64) float64 { // Σ(a−ā)(b−b̄)/n
		return (float64(square) - float64(a)*float64(b)/n) / n
	}
	vy, vx, vyx := central(m.yy, m.y, m.y), central(m.xx, m.x, m.x), central(m.yx, m.y, m.x)
	// The eigenvalues of [[vy, vyx], [vyx, vx]].
	half, root := (vy+vx)/2, math.Sqrt(float64(4*vyx*vyx)+float64((vy-vx)*(vy-vx)))/2
	large, small := max(half+root, 0), max(half-root, 0)
	r.MajorAxis, r.MinorAxis = 4*math.Sqrt(large), 4*math.Sqrt(small)
	if large > 0 {
		r.Eccentricity = math.Sqrt(1 - small/large)
	}
	switch {
	case vx != vy:
		r.Orientation = 0.5 * math.Atan2(2*vyx, vy-vx)
	case vyx > 0:
		r.Orientation = -math.Pi / 4
	default:
		r.Orientation = math.Pi / 4
	}
}
