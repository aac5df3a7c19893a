package result

import "strconv"

// layout is a plate's geometry on the drawing.
type layout struct {
	rows, columns int
	cell          float64 // a well's side in pixels
	letters       float64 // size of row letters and column numbers
	// places is each well's row and column from 0. When some well's name is no
	// position, all are listed in order instead, named in their cells.
	places map[string][2]int
	listed bool
}

// layoutOf infers the plate from its wells: the smallest of 96, 384 and 1536
// wells that holds them all, else a grid as large as they need.
func layoutOf(wells []string) layout {
	l := layout{places: map[string][2]int{}}
	for _, well := range wells {
		row, column, ok := position(well)
		if !ok || row >= 64 || column >= 96 {
			return listOf(wells)
		}
		l.places[well] = [2]int{row, column}
		l.rows, l.columns = max(l.rows, row+1), max(l.columns, column+1)
	}
	for _, plate := range []layout{
		{rows: 8, columns: 12, cell: 52, letters: 15},
		{rows: 16, columns: 24, cell: 38, letters: 13},
		{rows: 32, columns: 48, cell: 24, letters: 11},
	} {
		if l.rows <= plate.rows && l.columns <= plate.columns {
			plate.places = l.places
			return plate
		}
	}
	l.cell, l.letters = 20, 10
	return l
}

func listOf(wells []string) layout {
	columns := min(max(len(wells), 4), 8)
	l := layout{columns: columns, rows: (len(wells) + columns - 1) / columns, cell: 76, letters: 11, places: map[string][2]int{}, listed: true}
	for i, well := range wells {
		l.places[well] = [2]int{i / columns, i % columns}
	}
	return l
}

// name is the word for the plate's size, such as "384-well plate".
func (l layout) name() string {
	switch n := l.rows * l.columns; {
	case l.listed:
		return ""
	case n == 96, n == 384, n == 1536:
		return strconv.Itoa(n) + "-well plate"
	}
	return strconv.Itoa(l.rows) + " × " + strconv.Itoa(l.columns) + " wells"
}
