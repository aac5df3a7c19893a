package tui

import (
	"fmt"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// grid is a plate's size in wells.
type grid struct{ rows, columns int }

// size returns the smallest standard plate that holds every well.
func (p *Plate) size() grid {
	var need grid
	for _, w := range p.wells {
		if w.row >= 0 {
			need.rows, need.columns = max(need.rows, w.row+1), max(need.columns, w.column+1)
		}
	}
	for _, g := range []grid{{2, 3}, {4, 6}, {8, 12}, {16, 24}, {32, 48}} {
		if need.rows <= g.rows && need.columns <= g.columns {
			return g
		}
	}
	return need
}

// layout says how a plate is drawn in the room there is.
type layout struct {
	grid
	perRow, perColumn int // wells to a cell, down and across
	label             int // width of the row labels, with the gap after them
	cell, gap         int // width of a cell and of the gap after it
}

// fit chooses the largest cells that fit, and where even the smallest do not,
// puts several wells into one.
func fit(g grid, width, height int) layout {
	l := layout{grid: g, perRow: 1, perColumn: 1}
	for ceil(g.rows, l.perRow) > max(height-1, 1) { // one line is for the column numbers
		l.perRow++
	}
	l.label = len(rowName(g.rows-1)) + 1
	if l.perRow > 1 {
		l.label = 2*len(rowName(g.rows-1)) + 2 // "AA-AB "
	}
	for {
		columns := ceil(g.columns, l.perColumn)
		for _, c := range []struct{ cell, gap int }{{3, 1}, {2, 1}, {1, 1}, {1, 0}} {
			if l.label+columns*(c.cell+c.gap) <= width || (l.perColumn == g.columns && c.gap == 0) {
				l.cell, l.gap = c.cell, c.gap
				return l
			}
		}
		l.perColumn++
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

// chart draws the plate in at most height lines of width.
func (p *Plate) chart(width, height int) []string {
	g := p.size()
	l := fit(g, width, height)
	status := make([]enums.WellStatus, ceil(g.rows, l.perRow)*ceil(g.columns, l.perColumn))
	for _, w := range p.wells {
		if w.row < 0 {
			continue
		}
		at := &status[w.row/l.perRow*ceil(g.columns, l.perColumn)+w.column/l.perColumn]
		if p.looks.moreUrgent(w.status, *at) {
			*at = w.status
		}
	}
	cells := l.cells(p.looks)
	lines := []string{l.header()}
	for row := range ceil(g.rows, l.perRow) {
		var b strings.Builder
		fmt.Fprintf(&b, "%*s ", l.label-1, l.rowLabel(row))
		for column := range ceil(g.columns, l.perColumn) {
			b.WriteString(cells[status[row*ceil(g.columns, l.perColumn)+column]])
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// cells draws each status once; a place with no well is blank.
func (l layout) cells(look looks) map[enums.WellStatus]string {
	gap := strings.Repeat(" ", l.gap)
	m := map[enums.WellStatus]string{"": strings.Repeat(" ", l.cell) + gap}
	for _, s := range look.byUrgency {
		text := fmt.Sprintf("%*s%*s", (l.cell+1)/2, s.letter, l.cell/2, "")
		m[s.status] = s.style().Render(text) + gap
	}
	return m
}

func (l layout) rowLabel(row int) string {
	first, last := row*l.perRow, min((row+1)*l.perRow, l.rows)-1
	if first == last {
		return rowName(first)
	}
	return rowName(first) + "-" + rowName(last)
}

// header numbers the columns, as many as there is room for.
func (l layout) header() string {
	pitch := l.cell + l.gap
	line := []byte(strings.Repeat(" ", l.label+ceil(l.columns, l.perColumn)*pitch))
	free := 0
	for column := 0; column < l.columns; column += l.perColumn {
		text := fmt.Sprint(column + 1)
		// The number's last digit stands over the letter.
		end := l.label + column/l.perColumn*pitch + (l.cell+1)/2
		start := end - len(text)
		if start >= free && (l.perColumn == 1 || column == 0 || start > free) {
			copy(line[start:end], text)
			free = end + 1
		}
	}
	return strings.TrimRight(string(line), " ")
}
