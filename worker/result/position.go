package result

import (
	"cmp"
	"strconv"
	"strings"
)

// position reads a well's name as row and column from 0: A01 is (0, 0), P24
// (15, 23), AF48 (31, 47).
func position(well string) (row, column int, ok bool) {
	letters := strings.TrimRight(well, "0123456789")
	digits := well[len(letters):]
	if letters == "" || len(letters) > 2 || digits == "" || len(digits) > 3 {
		return 0, 0, false
	}
	for _, r := range letters {
		if r < 'A' || r > 'Z' {
			return 0, 0, false
		}
		row = row*26 + int(r-'A') + 1
	}
	column, err := strconv.Atoi(digits)
	if err != nil || column == 0 {
		return 0, 0, false
	}
	return row - 1, column - 1, true
}

// comparePositions orders wells by row, then column; names that are no
// position come after, by text.
func comparePositions(a, b string) int {
	ra, ca, oka := position(a)
	rb, cb, okb := position(b)
	switch {
	case oka && okb:
		return cmp.Or(cmp.Compare(ra, rb), cmp.Compare(ca, cb), strings.Compare(a, b))
	case oka:
		return -1
	case okb:
		return 1
	}
	return strings.Compare(a, b)
}

// rowName writes a row from 0 as letters: A … Z, AA … AF.
func rowName(row int) string {
	if row < 26 {
		return string(rune('A' + row))
	}
	return rowName(row/26-1) + string(rune('A'+row%26))
}
