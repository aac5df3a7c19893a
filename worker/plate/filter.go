package plate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxFilter bounds a filter's length: naming every well of a 1536-well plate
// takes less than half of it.
const maxFilter = 16 << 10

// Filter returns the wells a filter selects, in natural order, without repeats.
// wells are the canonical names of those that exist. Terms are separated by
// commas and add up:
//
//	""            all wells
//	12            the first 12
//	A01  a1       one well
//	A01:A12       a range; A01:B12 is the rectangle between its corners
//	row:A         a row; row:A-C several
//	col:01-06     columns; col:1 one
//	!TERM         not these: taken from the others, or from all when there are no others
//
// A filter that begins with ! excludes everything it names: "!A01,B02" is all
// but these two. A term that names no existing well is an error that lists
// what exists; a range, row or column may reach beyond the plate as long as
// some of it exists.
func Filter(wells []string, filter string) ([]string, error) {
	all := slices.Clone(wells)
	slices.SortFunc(all, CompareWells)
	all = slices.Compact(all)
	filter = strings.TrimSpace(filter)
	if filter == "" {
		return all, nil
	}
	if len(filter) > maxFilter {
		return nil, fmt.Errorf("well filter has %d characters: at most %d are allowed", len(filter), maxFilter)
	}
	excludeAll := strings.HasPrefix(filter, "!")
	included, excluded := make(map[string]bool), make(map[string]bool)
	positive := false
	for term := range strings.SplitSeq(filter, ",") {
		term = strings.TrimSpace(term)
		target := included
		if rest, negated := strings.CutPrefix(term, "!"); negated || excludeAll {
			term, target = strings.TrimSpace(rest), excluded
		} else {
			positive = true
		}
		match, err := parseTerm(term)
		if err != nil {
			return nil, fmt.Errorf("well filter %q: %w", filter, err)
		}
		found := false
		for i, well := range all {
			row, column, err := parseWell(well)
			if err == nil && match(i, row, column) {
				target[well], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("well filter %q: no well %s on this plate, which has %s", filter, term, describeWells(all))
		}
	}
	var selected []string
	for _, well := range all {
		if (!positive || included[well]) && !excluded[well] {
			selected = append(selected, well)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("well filter %q excludes every well: the plate has %s", filter, describeWells(all))
	}
	return selected, nil
}

// parseTerm returns what a term matches: the well's place in the plate's order
// and its row and column, all from 0.
func parseTerm(term string) (func(place, row, column int) bool, error) {
	lower := strings.ToLower(term)
	switch {
	case term == "":
		return nil, fmt.Errorf("an empty term: remove the comma, or write A01, A01:A12, row:A, col:01-06 or a number of wells")
	case strings.HasPrefix(lower, "row:"):
		first, last, err := parseSpan(term[len("row:"):], "row", "row:A or row:A-C", parseRow)
		return func(_, row, _ int) bool { return row >= first && row <= last }, err
	case strings.HasPrefix(lower, "col:"):
		first, last, err := parseSpan(term[len("col:"):], "column", "col:1 or col:01-06", parseColumn)
		return func(_, _, column int) bool { return column >= first && column <= last }, err
	case leadingDigits(term) == len(term):
		n, err := strconv.Atoi(term)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s is not a number of wells: write 1 or more", term)
		}
		return func(place, _, _ int) bool { return place < n }, nil
	}
	from, to, ranged := strings.Cut(term, ":")
	if !ranged {
		to = from
	}
	r0, c0, err := parseWell(strings.TrimSpace(from))
	if err != nil {
		return nil, err
	}
	r1, c1, err := parseWell(strings.TrimSpace(to))
	if err != nil {
		return nil, err
	}
	r0, r1 = min(r0, r1), max(r0, r1)
	c0, c1 = min(c0, c1), max(c0, c1)
	return func(_, row, column int) bool { return row >= r0 && row <= r1 && column >= c0 && column <= c1 }, nil
}

func parseSpan(s, what, example string, parse func(string) (int, bool)) (first, last int, err error) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	first, ok := parse(strings.TrimSpace(from))
	last, also := parse(strings.TrimSpace(to))
	if !ok || !also {
		return 0, 0, fmt.Errorf("%q is not a %s: write %s", s, what, example)
	}
	return min(first, last), max(first, last), nil
}

// describeWells lists wells for a message, runs within a row as ranges:
// "A01:A12, B01 (13 wells)".
func describeWells(wells []string) string {
	const most = 40
	var parts []string
	for i := 0; i < len(wells); {
		j := i
		for j+1 < len(wells) && follows(wells[j], wells[j+1]) {
			j++
		}
		part := wells[i]
		if j > i {
			part += ":" + wells[j]
		}
		if parts = append(parts, part); len(parts) == most && j+1 < len(wells) {
			parts = append(parts, "…")
			break
		}
		i = j + 1
	}
	switch len(wells) {
	case 0:
		return "no wells"
	case 1:
		return parts[0] + " (1 well)"
	}
	return fmt.Sprintf("%s (%d wells)", strings.Join(parts, ", "), len(wells))
}

func follows(a, b string) bool {
	r, c, err := parseWell(a)
	s, d, err2 := parseWell(b)
	return err == nil && err2 == nil && r == s && d == c+1
}
