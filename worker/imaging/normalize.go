package imaging

import "math"

// Rescale maps low..high linearly to outLow..outHigh and clips what lies beyond.
// The pixel type stays; integer types are rounded towards zero. When low equals
// high every pixel becomes that value, clipped to the output range: nothing is
// divided by zero.
//
// It is scikit-image's exposure.rescale_intensity(in_range, out_range), with
// the arithmetic in float64.
func Rescale(p *Plane, low, high, outLow, outHigh float64) *Plane {
	out := NewPlane(p.Height, p.Width, p.Type)
	integer := p.Integer()
	for i, pixel := range p.Pix {
		v := min(max(float64(pixel), low), high)
		if low != high {
			v = float64((v-low)/(high-low)*(outHigh-outLow)) + outLow
		} else {
			v = min(max(v, outLow), outHigh)
		}
		if integer {
			v = math.Trunc(v)
		}
		out.Pix[i] = float32(v)
	}
	return out
}
