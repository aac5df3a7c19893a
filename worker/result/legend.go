package result

import "math"

// drawLegend draws the colour bar with its ticks and unit, and below it the
// marks that occur on this plate.
func (m *plateMap) drawLegend(x, top, height float64) {
	y := top
	if m.valued {
		y = m.drawBar(x, y, min(height-130, 260)) + 26
	}
	const side = 18
	for _, mark := range []struct {
		name string
		draw func(rectangle)
	}{
		{markFailed, m.failed}, {markCancelled, m.cancelled}, {markMissing, m.missing},
		{markNoValue, m.noValue}, {markOutside, m.outside},
	} {
		if !m.marks[mark.name] {
			continue
		}
		mark.draw(rectangle{x: x, y: y, w: side, h: side})
		m.scene.add(label{x: x + side + 8, y: y + side/2 + 4.5, size: 13, colour: gray(40), text: mark.name})
		y += side + 8
	}
}

// drawBar draws the scale, high values on top, and returns where it ends.
func (m *plateMap) drawBar(x, y, height float64) float64 {
	title := m.unit
	if title == "" {
		title = m.measure
	}
	m.scene.add(label{x: x, y: y + 11, size: 13, colour: gray(40), text: m.fit(title, 13, false, legendWidth)})
	y += 24
	const width, steps = 20, 128
	if m.span.low == m.span.high {
		height = 40
	}
	for i := range steps {
		// Edges on whole pixels of the PNG leave no seams.
		from := math.Round(height*float64(i)/steps*normalDensity) / normalDensity
		to := math.Round(height*float64(i+1)/steps*normalDensity) / normalDensity
		place := 1 - (float64(i)+0.5)/steps
		if m.span.low == m.span.high {
			place = 0.5
		}
		m.scene.add(rectangle{x: x, y: y + from, w: width, h: to - from, fill: viridis(place)})
	}
	for _, tick := range m.span.ticks(6) {
		at := y + height*(1-m.span.place(tick))
		m.scene.add(line{x + width, at, x + width + 5, at, 1, gray(60)},
			label{x: x + width + 9, y: at + 4.5, size: 13, colour: gray(40), text: compact(tick)})
	}
	return y + height
}
