package imaging

import (
	"math"
	"slices"
)

// orderKey maps a float32 to an int32 of the same order. Comparing integers
// costs no branch.
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
	ranks := make([]int, 0, 2*len(percents))
	for _, percent := range percents {
		below := min(int(float64(total-1)*(percent/100)), total-1)
		ranks = append(ranks, below, min(below+1, total-1))
	}
	values := orderStatistics(planes, ranks)
	for i, percent := range percents {
		position := float64(total-1) * (percent / 100)
		a, b, t := float64(values[2*i]), float64(values[2*i+1]), position-math.Floor(position)
		if t >= 0.5 {
			out[i] = b - float64((b-a)*(1-t))
		} else {
			out[i] = a + float64((b-a)*t)
		}
	}
	return out
}

// orderStatistics returns the values of the given ranks (from 0). It counts the
// pixels by the upper half of their key, which for uint8 and small uint16 values
// is all of it, and sorts only those that share it with a wanted one.
func orderStatistics(planes Stack, ranks []int) []float32 {
	bin := func(v float32) int { return int(orderKey(v)>>16) + 1<<15 }
	tally := make([]uint32, 1<<16)
	for _, p := range planes {
		for _, v := range p.Pix {
			tally[bin(v)]++
		}
	}
	type place struct{ bin, rest int }
	places := make([]place, len(ranks))
	members := map[int][]float32{}
	wanted := make([]bool, 1<<16)
	for i, rank := range ranks {
		b := 0
		for ; rank >= int(tally[b]); b++ {
			rank -= int(tally[b])
		}
		places[i] = place{b, rank}
		wanted[b] = true
	}
	for _, p := range planes {
		for _, v := range p.Pix {
			if b := bin(v); wanted[b] {
				members[b] = append(members[b], v)
			}
		}
	}
	for _, m := range members {
		slices.Sort(m)
	}
	values := make([]float32, len(ranks))
	for i, p := range places {
		values[i] = members[p.bin][p.rest]
	}
	return values
}
