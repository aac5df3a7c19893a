package imaging

import "math"

// perimeters estimates every object's perimeter: its border pixels (those with a
// 4-neighbour outside) are classified by the border pixels around them and
// counted with the weights of Benkrid and Crookes, as scikit-image does.
func perimeters(l *Labels) []float64 {
	height, width := l.Height, l.Width
	border := make([]bool, len(l.Pix))
	var list []int32
	for y := range height {
		for x := range width {
			at := y*width + x
			label := l.Pix[at]
			if label == 0 {
				continue
			}
			if x == 0 || x == width-1 || y == 0 || y == height-1 ||
				l.Pix[at-1] != label || l.Pix[at+1] != label || l.Pix[at-width] != label || l.Pix[at+width] != label {
				border[at] = true
				list = append(list, int32(at))
			}
		}
	}
	counts := make([][3]int, l.Count)
	for _, i := range list {
		y, x := int(i)/width, int(i)%width
		label := l.Pix[i]
		edges, corners := 0, 0
		for dy := max(y-1, 0); dy <= min(y+1, height-1); dy++ {
			for dx := max(x-1, 0); dx <= min(x+1, width-1); dx++ {
				at := dy*width + dx
				switch {
				case at == int(i) || !border[at] || l.Pix[at] != label:
				case dy == y || dx == x:
					edges++
				default:
					corners++
				}
			}
		}
		if kind := borderKind(edges, corners); kind >= 0 {
			counts[label-1][kind]++
		}
	}
	out := make([]float64, l.Count)
	for i, c := range counts {
		out[i] = float64(c[0]) + float64(c[1])*math.Sqrt2 + float64(c[2])*(1+math.Sqrt2)/2
	}
	return out
}

// borderKind is 0 for a straight step, 1 for a diagonal one, 2 for one of each,
// and -1 for what does not count.
func borderKind(edges, corners int) int {
	switch 1 + 2*edges + 10*corners {
	case 5, 7, 15, 17, 25, 27:
		return 0
	case 21, 33:
		return 1
	case 13, 23:
		return 2
	}
	return -1
}
