package plate

import (
	"cmp"
	"fmt"
	"strings"
)

// The largest plate made, 1536 wells, has 32 rows (A to AF) and 48 columns.
const (
	maxRows    = 32
	maxColumns = 48
)

// CanonicalWell returns the one spelling of a well's name: row letters in upper
// case, column with two digits. "a1", "A1", "A01" and "A001" are "A01"; rows
// after Z are "AA" to "AF", columns go to 48.
func CanonicalWell(s string) (string, error) {
	row, column, err := parseWell(strings.TrimSpace(s))
	if err != nil {
		return "", err
	}
	return wellName(row, column), nil
}

// wellName spells a well from its row and column, both from 0.
func wellName(row, column int) string { return fmt.Sprintf("%s%02d", rowName(row), column+1) }

func rowName(row int) string {
	if row < 26 {
		return string(rune('A' + row))
	}
	return "A" + string(rune('A'+row-26))
}

// parseWell returns the row and column of a well, both from 0.
func parseWell(s string) (row, column int, err error) {
	letters := 0
	for letters < len(s) && isLetter(s[letters]) {
		letters++
	}
	row, rowOK := parseRow(s[:letters])
	column, columnOK := parseColumn(s[letters:])
	if !rowOK || !columnOK {
		return 0, 0, fmt.Errorf("%q is not a well: a well is a row A to %s and a column 1 to %d, as in A01", s, rowName(maxRows-1), maxColumns)
	}
	return row, column, nil
}

// parseRow returns the row for A–Z, AA–AF, in either case, from 0.
func parseRow(s string) (int, bool) {
	s = strings.ToUpper(s)
	switch {
	case len(s) == 1 && isLetter(s[0]):
		return int(s[0] - 'A'), true
	case len(s) == 2 && s[0] == 'A' && isLetter(s[1]) && 26+int(s[1]-'A') < maxRows:
		return 26 + int(s[1]-'A'), true
	}
	return 0, false
}

// parseColumn returns the column for 1–48, with leading zeros or without, from 0.
func parseColumn(s string) (int, bool) {
	if s == "" || len(s) > 3 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n - 1, n >= 1 && n <= maxColumns
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// CompareWells orders wells by row, then column: A02, A10, B01, AA01. Names
// that are not wells come after those that are, in natural order.
func CompareWells(a, b string) int {
	if a == b {
		return 0
	}
	r, c, errA := parseWell(a)
	s, d, errB := parseWell(b)
	switch {
	case errA == nil && errB == nil:
		return cmp.Or(cmp.Compare(r, s), cmp.Compare(c, d), strings.Compare(a, b))
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return CompareNatural(a, b)
}
