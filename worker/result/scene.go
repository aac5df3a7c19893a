package result

import "image/color"

// scene is a drawing as a list of shapes in drawing order, in pixels of a
// screen at normal density with y downwards. One scene gives the SVG and the
// PNG, so that both show the same.
type scene struct {
	width, height float64
	title         string  // for readers that do not see
	density       float64 // pixels of the PNG per pixel of the scene
	shapes        []any   // rectangle, line or label
}

type rectangle struct {
	x, y, w, h float64
	fill       color.NRGBA
	stroke     color.NRGBA // transparent: none; drawn inside, one pixel wide
	tooltip    string
}

type line struct {
	x1, y1, x2, y2, width float64
	colour                color.NRGBA
}

type anchor int

const (
	start anchor = iota
	middle
	end
)

// label is one line of text; y is its baseline.
type label struct {
	x, y, size float64
	anchor     anchor
	bold       bool
	colour     color.NRGBA
	text       string
}

func (s *scene) add(shapes ...any) { s.shapes = append(s.shapes, shapes...) }

// hatch draws 45° lines over a rectangle, each clipped to it.
func (s *scene) hatch(r rectangle, spacing, width float64, colour color.NRGBA) {
	for d := -r.h + spacing/2; d < r.w; d += spacing {
		from, to := max(0, -d), min(r.h, r.w-d)
		if to-from < 1 {
			continue
		}
		s.add(line{r.x + d + from, r.y + r.h - from, r.x + d + to, r.y + r.h - to, width, colour})
	}
}
