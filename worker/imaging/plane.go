package imaging

import (
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Plane is one two-dimensional image of shape (Y, X).
type Plane struct {
	Height, Width int
	Type          enums.PixelType // the type of the file or of the step that made it
	Pix           []float32       // row-major, len = Height*Width
}

// Stack is a sequence of planes, shape (N, Y, X).
type Stack []*Plane

// Labels is a label map of shape (Y, X): 0 is background, 1..Count are objects.
type Labels struct {
	Height, Width int
	Pix           []int32 // row-major, len = Height*Width
	Count         int     // the highest label in use
}

// Mask is a binary image of shape (Y, X).
type Mask struct {
	Height, Width int
	Pix           []bool // row-major, len = Height*Width
}

// NewPlane returns a plane of zeros.
func NewPlane(height, width int, pixel enums.PixelType) *Plane {
	return &Plane{Height: height, Width: width, Type: pixel, Pix: make([]float32, height*width)}
}

// NewLabels returns a label map that holds background only.
func NewLabels(height, width int) *Labels {
	return &Labels{Height: height, Width: width, Pix: make([]int32, height*width)}
}

// NewMask returns a mask that holds background only.
func NewMask(height, width int) *Mask {
	return &Mask{Height: height, Width: width, Pix: make([]bool, height*width)}
}

// Row returns row y; it shares memory with the plane.
func (p *Plane) Row(y int) []float32 { return p.Pix[y*p.Width : (y+1)*p.Width] }

// Clone returns a copy that shares nothing with p.
func (p *Plane) Clone() *Plane {
	c := *p
	c.Pix = append([]float32(nil), p.Pix...)
	return &c
}

// Integer reports whether the plane's values are whole numbers.
func (p *Plane) Integer() bool { return p.Type == enums.Uint8 || p.Type == enums.Uint16 }

// TypeMax is the largest value of a pixel type: 255, 65535, or 1 for float32,
// whose images are by convention in 0..1.
func TypeMax(pixel enums.PixelType) float64 {
	switch pixel {
	case enums.Uint8:
		return 255
	case enums.Uint16:
		return 65535
	default:
		return 1
	}
}

// SameShape reports the first plane whose shape differs from the first one's.
func (s Stack) SameShape() error {
	for i, p := range s {
		if p.Height != s[0].Height || p.Width != s[0].Width {
			return fmt.Errorf("combine planes: plane %d is %d×%d px, plane 0 is %d×%d px",
				i, p.Height, p.Width, s[0].Height, s[0].Width)
		}
	}
	return nil
}
