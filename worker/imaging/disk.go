package imaging

import "math"

// halfWidths describes the disk x²+y² <= r² by the half width of each row,
// halfWidths[dy+r] for dy = -r..r.
func halfWidths(radius int) []int {
	widths := make([]int, 2*radius+1)
	for i := range widths {
		dy := i - radius
		widths[i] = int(math.Sqrt(float64(radius*radius - dy*dy)))
	}
	return widths
}
