package imaging

import "math"

// orderKey maps a float32 to an int32 of the same order; it is its own inverse
// on the bits. Comparing integers costs no branch.
func orderKey(v float32) int32 { return flipKey(int32(math.Float32bits(v))) }

// fromKey is the inverse of orderKey.
func fromKey(k int32) float32 { return math.Float32frombits(uint32(flipKey(k))) }

func flipKey(k int32) int32 { return k ^ (k >> 31 & math.MaxInt32) }

// Percentiles returns percentiles (0..100) over all pixels of all planes, with
// linear interpolation between the two nearest values, as numpy.percentile.
// No pixels give zeros.
func Percentiles(planes Stack, percents ...float64) []float64 {
	total := 0
	for _, p := range planes {
		total += len(p.Pix)
	}
	out := make([]float64, len(percents))
	if total == 0 {
		return out
	}
	for i, percent := range percents {
		position := float64(total-1) * (percent / 100)
		below := math.Floor(position)
		a, b := neighbours(planes, min(int(below), total-1), total)
		t := position - below
		if t >= 0.5 {
			out[i] = b - float64((b-a)*(1-t))
		} else {
			out[i] = a + float64((b-a)*t)
		}
	}
	return out
}

// neighbours returns the values of rank k and k+1 (from 0, of total), without
// copying or sorting: by counting the upper half of the key, then the lower.
func neighbours(planes Stack, k, total int) (a, b float64) {
	var tally [1 << 16]int
	for _, p := range planes {
		for _, v := range p.Pix {
			tally[int(orderKey(v)>>16)+1<<15]++
		}
	}
	find := func(k int) (bin, rest int) {
		for k >= tally[bin] {
			k -= tally[bin]
			bin++
		}
		return bin, k
	}
	lower := func(k int) int32 {
		bin, rest := find(k)
		var low [1 << 16]int
		for _, p := range planes {
			for _, v := range p.Pix {
				if key := orderKey(v); int(key>>16)+1<<15 == bin {
					low[key&0xffff]++
				}
			}
		}
		digit := 0
		for rest >= low[digit] {
			rest -= low[digit]
			digit++
		}
		return int32(bin-1<<15)<<16 | int32(digit)
	}
	key := lower(k)
	a = float64(fromKey(key))
	if k+1 >= total {
		return a, a
	}
	return a, float64(fromKey(lower(k + 1)))
}
