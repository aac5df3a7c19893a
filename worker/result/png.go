package result

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// normalDensity of the PNG is sharp in print and on dense screens.
const normalDensity = 2

// writePNG draws the scene natively, with the Go fonts.
func (s *scene) writePNG(out io.Writer) error {
	bounds := image.Rect(0, 0, int(math.Ceil(s.width*s.density)), int(math.Ceil(s.height*s.density)))
	c := &canvas{image: image.NewRGBA(bounds), density: s.density, lettering: newLettering(s.density)}
	for _, shape := range s.shapes {
		switch v := shape.(type) {
		case rectangle:
			c.rectangle(v)
		case line:
			c.line(v)
		case label:
			if err := c.label(v); err != nil {
				return err
			}
		}
	}
	// The default compression: the best one takes six times as long for a
	// few percent.
	return png.Encode(out, c.image)
}

type canvas struct {
	image     *image.RGBA
	density   float64
	lettering *lettering
}

func (c *canvas) rectangle(r rectangle) {
	box := image.Rect(c.scaled(r.x), c.scaled(r.y), c.scaled(r.x+r.w), c.scaled(r.y+r.h))
	if r.stroke.A > 0 {
		c.fill(box, r.stroke)
		inner := r.fill
		if inner.A == 0 {
			inner = white()
		}
		c.fill(box.Inset(max(1, c.scaled(1))), inner)
		return
	}
	if r.fill.A > 0 {
		c.fill(box, r.fill)
	}
}

func (c *canvas) fill(box image.Rectangle, colour color.NRGBA) {
	draw.Draw(c.image, box, image.NewUniform(colour), image.Point{}, draw.Src)
}

func (c *canvas) scaled(v float64) int { return int(math.Round(v * c.density)) }

// line fills the thin quadrilateral around the line, anti-aliased.
func (c *canvas) line(l line) {
	dx, dy := l.x2-l.x1, l.y2-l.y1
	length := math.Hypot(dx, dy)
	if length == 0 {
		return
	}
	nx, ny := -dy/length*l.width/2, dx/length*l.width/2
	corners := [][2]float64{{l.x1 + nx, l.y1 + ny}, {l.x2 + nx, l.y2 + ny}, {l.x2 - nx, l.y2 - ny}, {l.x1 - nx, l.y1 - ny}}
	box := image.Rectangle{}
	for _, p := range corners {
		x, y := int(math.Floor(p[0]*c.density)), int(math.Floor(p[1]*c.density))
		box = box.Union(image.Rect(x, y, x+2, y+2))
	}
	box = box.Intersect(c.image.Bounds())
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	for i, p := range corners {
		x, y := float32(p[0]*c.density-float64(box.Min.X)), float32(p[1]*c.density-float64(box.Min.Y))
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
	r.Draw(c.image, box, image.NewUniform(l.colour), image.Point{})
}

func (c *canvas) label(l label) error {
	face, err := c.lettering.face(l.size, l.bold)
	if err != nil {
		return err
	}
	d := font.Drawer{Dst: c.image, Src: image.NewUniform(l.colour), Face: face}
	x := fixed.Int26_6(l.x * c.density * 64)
	switch l.anchor {
	case start:
	case middle:
		x -= d.MeasureString(l.text) / 2
	case end:
		x -= d.MeasureString(l.text)
	}
	d.Dot = fixed.Point26_6{X: x, Y: fixed.Int26_6(l.y * c.density * 64)}
	d.DrawString(l.text)
	return nil
}

// lettering keeps the faces of the Go fonts at the sizes in use.
type lettering struct {
	scale float64
	faces map[faceKey]font.Face
}

type faceKey struct {
	size float64
	bold bool
}

func newLettering(scale float64) *lettering {
	return &lettering{scale: scale, faces: map[faceKey]font.Face{}}
}

func (l *lettering) face(size float64, bold bool) (font.Face, error) {
	key := faceKey{size, bold}
	if face := l.faces[key]; face != nil {
		return face, nil
	}
	ttf := goregular.TTF
	if bold {
		ttf = gobold.TTF
	}
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("parse font: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size * l.scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, fmt.Errorf("make font face: %w", err)
	}
	l.faces[key] = face
	return face, nil
}

// width measures a text in the scene's pixels; an unusable font measures as
// wide as its letters could be.
func (l *lettering) width(text string, size float64, bold bool) float64 {
	face, err := l.face(size, bold)
	if err != nil {
		return size * float64(len(text))
	}
	return float64(font.MeasureString(face, text)) / 64 / l.scale
}
