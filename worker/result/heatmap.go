package result

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Colours beside the scale: shades of gray, which it does not hold.
func gray(v uint8) color.NRGBA { return color.NRGBA{v, v, v, 255} }

// plateMap is what the heatmap shows.
type plateMap struct {
	layout  layout
	letters *lettering
	wells   []mapWell
	measure string
	unit    string
	span    span
	valued  bool // some well has a value
	scene   *scene
	marks   map[string]bool // of the legend, that occur
}

type mapWell struct {
	well   string
	status enums.WellStatus
	reason enums.ExitReason
	value  float64
}

const (
	markFailed    = "failed"
	markCancelled = "cancelled"
	markMissing   = "no result"
	markNoValue   = "no value"
	markOutside   = "not in this run"
)

// heatmap draws the plate: a cell per well, coloured by the measure on a
// colour-blind safe scale, wells without a result marked by pattern.
func (p *mergePlan) heatmap(wells *Table) *scene {
	m := &plateMap{letters: newLettering(normalDensity), marks: map[string]bool{}}
	column := p.measure(wells)
	if column >= 0 {
		m.measure, m.unit = wells.Columns[column].Name, wells.Columns[column].Unit
	}
	m.span = span{math.Inf(1), math.Inf(-1)}
	names := make([]string, 0, len(p.wells))
	complete := 0
	for row, w := range p.wells {
		value := math.NaN()
		if column >= 0 && w.Status == enums.WellComplete {
			value = wells.Number(row, column)
		}
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			m.valued = true
			m.span.low, m.span.high = min(m.span.low, value), max(m.span.high, value)
		}
		if w.Status == enums.WellComplete {
			complete++
		}
		names = append(names, w.Well)
		m.wells = append(m.wells, mapWell{w.Well, w.Status, w.Reason, value})
	}
	m.layout = layoutOf(names)
	density := cmp.Or(p.folder.options.density, normalDensity)
	m.draw(p.job.Plate, fmt.Sprintf("%d of %s complete", complete, plural(len(p.wells), "well")))
	m.scene.density = density
	return m.scene
}

const (
	margin      = 20.0
	headHeight  = 62.0
	legendWidth = 150.0
)

func (m *plateMap) draw(plate, state string) {
	l := m.layout
	left, top := margin+l.letters*2, margin+headHeight+l.letters*1.6
	if l.listed {
		left, top = margin, margin+headHeight
	}
	gridWidth, gridHeight := float64(l.columns)*l.cell, float64(l.rows)*l.cell
	m.scene = &scene{
		width:  left + gridWidth + margin + legendWidth + margin,
		height: top + max(gridHeight, 300) + margin,
		title:  strings.TrimSuffix(plate+": "+m.measure, ": "),
	}
	m.scene.add(rectangle{w: m.scene.width, h: m.scene.height, fill: white()})
	room := m.scene.width - 2*margin
	m.scene.add(label{x: margin, y: margin + 20, size: 21, bold: true, colour: gray(0), text: m.fit(plate, 21, true, room)})
	var facts []string
	for _, fact := range []string{m.measure, state, l.name()} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	m.scene.add(label{x: margin, y: margin + 44, size: 14, colour: gray(60), text: m.fit(strings.Join(facts, "  ·  "), 14, false, room)})
	m.drawAxes(left, top)
	m.drawWells(left, top)
	m.drawLegend(left+gridWidth+margin, top, max(gridHeight, 300))
}

// fit shortens a text to a width.
func (m *plateMap) fit(text string, size float64, bold bool, room float64) string {
	if m.letters.width(text, size, bold) <= room {
		return text
	}
	runes := []rune(text)
	for len(runes) > 1 && m.letters.width(string(runes)+"…", size, bold) > room {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

func (m *plateMap) drawAxes(left, top float64) {
	l := m.layout
	if l.listed {
		return
	}
	for row := range l.rows {
		y := top + (float64(row)+0.5)*l.cell + l.letters*0.36
		m.scene.add(label{x: left - 8, y: y, size: l.letters, anchor: end, colour: gray(40), text: rowName(row)})
	}
	for column := range l.columns {
		x := left + (float64(column)+0.5)*l.cell
		m.scene.add(label{x: x, y: top - 7, size: l.letters, anchor: middle, colour: gray(40), text: strconv.Itoa(column + 1)})
	}
}

func (m *plateMap) drawWells(left, top float64) {
	l := m.layout
	at := func(row, column int) rectangle {
		return rectangle{x: left + float64(column)*l.cell + 1, y: top + float64(row)*l.cell + 1, w: l.cell - 2, h: l.cell - 2}
	}
	planned := map[[2]int]bool{}
	for _, place := range l.places {
		planned[place] = true
	}
	for row := range l.rows {
		for column := range l.columns {
			if !planned[[2]int{row, column}] && !l.listed {
				m.marks[markOutside] = true
				m.outside(at(row, column))
			}
		}
	}
	size := m.valueSize()
	for _, w := range m.wells {
		place := l.places[w.well]
		m.drawWell(w, at(place[0], place[1]), size)
	}
}

func (m *plateMap) drawWell(w mapWell, cell rectangle, size float64) {
	cell.tooltip = w.tooltip(m.measure)
	ink := gray(30)
	switch {
	case w.status == enums.WellFailed:
		m.marks[markFailed] = true
		m.failed(cell)
		ink = color.NRGBA{}
	case w.status == enums.WellCancelled:
		m.marks[markCancelled] = true
		m.cancelled(cell)
	case w.status != enums.WellComplete:
		m.marks[markMissing] = true
		m.missing(cell)
	case math.IsNaN(w.value) || math.IsInf(w.value, 0):
		m.marks[markNoValue] = true
		m.noValue(cell)
	default:
		cell.fill = viridis(m.span.place(w.value))
		ink = readableOn(cell.fill)
		m.scene.add(cell)
		if size > 0 {
			m.scene.add(label{x: cell.x + cell.w/2, y: cell.y + cell.h/2 + size*0.36, size: size, anchor: middle, colour: ink, text: compact(w.value)})
		}
	}
	if m.layout.listed && ink.A > 0 {
		m.scene.add(label{x: cell.x + 5, y: cell.y + 14, size: m.layout.letters, colour: ink, text: m.fit(w.well, m.layout.letters, false, cell.w-10)})
	}
	if m.layout.listed && ink.A == 0 { // over a hatch only on a plate of its own
		text := m.fit(w.well, m.layout.letters, false, cell.w-14)
		m.scene.add(rectangle{x: cell.x + 2, y: cell.y + 2, w: m.letters.width(text, m.layout.letters, false) + 6, h: 16, fill: white()},
			label{x: cell.x + 5, y: cell.y + 14, size: m.layout.letters, colour: gray(0), text: text})
	}
}

func (w mapWell) tooltip(measure string) string {
	switch {
	case w.status == enums.WellComplete && !math.IsNaN(w.value):
		return fmt.Sprintf("%s: %s = %s", w.well, measure, appendNumber(nil, w.value))
	case w.reason != "" && w.reason != enums.ReasonOK:
		return fmt.Sprintf("%s: %s (%s)", w.well, w.status, w.reason)
	}
	return fmt.Sprintf("%s: %s", w.well, w.status)
}

// valueSize is the largest size at which every value fits its cell, or 0.
func (m *plateMap) valueSize() float64 {
	for size := 15.0; size >= 8; size-- {
		fits := true
		for _, w := range m.wells {
			fits = fits && (math.IsNaN(w.value) || m.letters.width(compact(w.value), size, false) <= m.layout.cell-6)
		}
		if fits {
			return size
		}
	}
	return 0
}

func (m *plateMap) failed(cell rectangle) {
	cell.fill, cell.stroke = gray(235), gray(60)
	m.scene.add(cell)
	cell.x, cell.y, cell.w, cell.h = cell.x+1, cell.y+1, cell.w-2, cell.h-2
	m.scene.hatch(cell, 6, 1.6, gray(60))
}

func (m *plateMap) cancelled(cell rectangle) {
	cell.fill, cell.stroke = gray(245), gray(120)
	in := cell.w * 0.28
	m.scene.add(cell,
		line{cell.x + in, cell.y + in, cell.x + cell.w - in, cell.y + cell.h - in, 1.5, gray(90)},
		line{cell.x + in, cell.y + cell.h - in, cell.x + cell.w - in, cell.y + in, 1.5, gray(90)})
}

func (m *plateMap) missing(cell rectangle) {
	cell.fill, cell.stroke = white(), gray(120)
	m.scene.add(cell)
}

func (m *plateMap) noValue(cell rectangle) {
	m.missing(cell)
	in := cell.w * 0.35
	m.scene.add(line{cell.x + in, cell.y + cell.h/2, cell.x + cell.w - in, cell.y + cell.h/2, 1.5, gray(90)})
}

func (m *plateMap) outside(cell rectangle) {
	m.scene.add(rectangle{x: cell.x + cell.w/2 - 1.5, y: cell.y + cell.h/2 - 1.5, w: 3, h: 3, fill: gray(205)})
}
