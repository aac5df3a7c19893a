package result

import (
	"image/color"
	"math"
	"strconv"
	"strings"
)

func white() color.NRGBA { return gray(255) }

// viridis are 16 even stops of matplotlib's colour map of that name (van der
// Walt & Smith 2015): ordered by lightness, also for colour-blind eyes and in
// gray print.
func viridis(at float64) color.NRGBA {
	stops := [...]uint32{
		0x440154, 0x481a6c, 0x472f7d, 0x414487, 0x39568c, 0x31688e, 0x2a788e, 0x23888e,
		0x1f988b, 0x22a884, 0x35b779, 0x54c568, 0x7ad151, 0xa5db36, 0xd2e21b, 0xfde725,
	}
	at = min(max(at, 0), 1) * float64(len(stops)-1)
	i := min(int(at), len(stops)-2)
	part := at - float64(i)
	mix := func(shift int) uint8 {
		a, b := float64(stops[i]>>shift&255), float64(stops[i+1]>>shift&255)
		return uint8(a + (b-a)*part + 0.5)
	}
	return color.NRGBA{mix(16), mix(8), mix(0), 255}
}

// readableOn gives black or white, whichever stands out more on a colour, by
// WCAG relative luminance.
func readableOn(c color.NRGBA) color.NRGBA {
	channel := func(v uint8) float64 { return math.Pow(float64(v)/255, 2.2) }
	if 0.2126*channel(c.R)+0.7152*channel(c.G)+0.0722*channel(c.B) > 0.18 {
		return color.NRGBA{0, 0, 0, 255}
	}
	return white()
}

// span is the range of values that the colours cover.
type span struct{ low, high float64 }

// place maps a value to 0 … 1.
func (s span) place(v float64) float64 {
	if s.high == s.low {
		return 0.5
	}
	return (v - s.low) / (s.high - s.low)
}

// ticks are round numbers within the span, at most about n.
func (s span) ticks(n int) []float64 {
	width := s.high - s.low
	if width == 0 || math.IsInf(width, 0) {
		return []float64{s.low}
	}
	step := math.Pow(10, math.Floor(math.Log10(width/float64(n))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if width/(step*factor) <= float64(n) {
			step *= factor
			break
		}
	}
	var ticks []float64
	for i := math.Ceil(s.low/step - 1e-9); i*step <= s.high+step*1e-9; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// compact writes a value in few characters: three significant digits, whole
// numbers up to four digits in full, thousands and millions as k and M.
func compact(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strings.TrimPrefix(string(appendNumber(nil, v)), "+")
	case a != 0 && (a < 1e-3 || a >= 1e12):
		return strconv.FormatFloat(v, 'e', 1, 64)
	case a >= 1e9:
		return short(v/1e9) + "G"
	case a >= 1e6:
		return short(v/1e6) + "M"
	case a >= 1e4:
		return short(v/1e3) + "k"
	case v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return short(v)
}

// short writes three significant digits without an exponent or trailing zeros.
func short(v float64) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 100 {
		digits = min(max(2-int(math.Floor(math.Log10(a))), 0), 5)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
