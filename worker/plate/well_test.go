package plate

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCanonicalWell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a1": "A01", "A1": "A01", "A01": "A01", "A001": "A01", " h12 ": "H12",
		"p24": "P24", "Z48": "Z48", "aa1": "AA01", "AF48": "AF48",
		"": "", "A": "", "1": "", "A0": "", "A49": "", "AG01": "", "BA01": "", "AAA01": "", "A0001": "", "A1x": "", "É1": "",
	} {
		got, err := CanonicalWell(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("CanonicalWell(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestWellsOrder(t *testing.T) {
	t.Parallel()
	wells := []string{"AA01", "B01", "A10", "A02", "Z48", "odd", "A01"}
	slices.SortFunc(wells, CompareWells)
	if got := strings.Join(wells, " "); got != "A01 A02 A10 B01 Z48 AA01 odd" {
		t.Error(got)
	}
}

func TestNaturalOrder(t *testing.T) {
	t.Parallel()
	values := []string{"10", "2", "1", "a10", "a2", "02", "", "a"}
	slices.SortFunc(values, CompareNatural)
	if got := strings.Join(values, ","); got != ",1,2,02,10,a,a2,a10" {
		t.Error(got)
	}
}

// The order must be one: antisymmetric, and zero only for equals.
func TestNaturalOrderIsTotal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a0-2]{0,5}`)
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		if CompareNatural(a, b) != -CompareNatural(b, a) || (CompareNatural(a, b) == 0) != (a == b) {
			t.Fatalf("%q %q", a, b)
		}
		if CompareNatural(a, b) <= 0 && CompareNatural(b, c) <= 0 && CompareNatural(a, c) > 0 {
			t.Fatalf("%q %q %q are in no order", a, b, c)
		}
	})
}

// wellsOf returns every well of a plate.
func wellsOf(rows, columns int) []string {
	var wells []string
	for r := range rows {
		for c := range columns {
			wells = append(wells, wellName(r, c))
		}
	}
	return wells
}

func TestFilter(t *testing.T) {
	t.Parallel()
	small := []string{"B02", "A01", "A02", "B01", "A03"}
	for _, c := range []struct {
		wells        []string
		filter, want string // "" want: how many instead
		count        int
	}{
		{small, "", "A01 A02 A03 B01 B02", 0},
		{small, "  ", "A01 A02 A03 B01 B02", 0},
		{small, "2", "A01 A02", 0},
		{small, "99", "A01 A02 A03 B01 B02", 0},
		{small, "b2, a1,A01", "A01 B02", 0},
		{small, "A01:A12", "A01 A02 A03", 0},
		{small, "A01:B02", "A01 A02 B01 B02", 0},
		{small, "b02:A01", "A01 A02 B01 B02", 0},
		{small, "row:b", "B01 B02", 0},
		{small, "ROW:A-H", "A01 A02 A03 B01 B02", 0},
		{small, "col:02-06", "A02 A03 B02", 0},
		{small, "col:1", "A01 B01", 0},
		{small, "1,row:B", "A01 B01 B02", 0},
		{small, "!A01", "A02 A03 B01 B02", 0},
		{small, "!A01,B02", "A02 A03 B01", 0},
		{small, "!A01,!B02", "A02 A03 B01", 0},
		{small, "!row:A,col:1", "B02", 0},
		{small, "row:A,!A02", "A01 A03", 0},
		{small, "!3", "B01 B02", 0},
		{wellsOf(8, 12), "row:A,col:12", "", 19},
		{wellsOf(8, 12), "A01:H12", "", 96},
		{wellsOf(16, 24), "col:01-02,!row:P", "", 30},
		{wellsOf(32, 48), "AA01:AF48", "", 6 * 48},
		{wellsOf(32, 48), "Z01:AB02", "Z01 Z02 AA01 AA02 AB01 AB02", 0},
	} {
		got, err := Filter(c.wells, c.filter)
		if err != nil {
			t.Errorf("%q: %v", c.filter, err)
		} else if joined := strings.Join(got, " "); c.want != "" && joined != c.want || c.want == "" && len(got) != c.count {
			t.Errorf("%q: %s", c.filter, joined)
		}
	}
}

func TestFilterSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	wells := []string{"A01", "A02", "A03", "B01"}
	for filter, want := range map[string]string{
		"C01":                     "no well C01 on this plate, which has A01:A03, B01 (4 wells)",
		"A01,C05:C06":             "no well C05:C06",
		"row:H":                   "no well row:H",
		"col:12":                  "no well col:12",
		"row:7":                   `"7" is not a row: write row:A`,
		"col:x":                   `"x" is not a column: write col:1`,
		"A01,,B01":                "empty term",
		"!":                       "empty term",
		"0":                       "0 is not a number of wells",
		"99999999999999999999":    "not a number of wells",
		"well":                    `"well" is not a well`,
		"A01:":                    `"" is not a well`,
		"!A01:B03":                "excludes every well",
		"A01,!A01":                "excludes every well",
		strings.Repeat("1,", 9e3): "at most 16384",
	} {
		if got, err := Filter(wells, filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, %v; want %q", filter, got, err, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "3", "A01,B02", "A01:B12", "row:A", "col:01-06", "!A01,row:B", "row:A,!A02", "AA01", "::", "!!A01"} {
		f.Add(s)
	}
	wells := wellsOf(4, 6)
	f.Fuzz(func(t *testing.T, filter string) {
		got, err := Filter(wells, filter)
		if err != nil {
			return
		}
		if len(got) == 0 || len(got) > len(wells) || !slices.IsSortedFunc(got, CompareWells) {
			t.Errorf("%q selects %v", filter, got)
		}
		for _, well := range got {
			if !slices.Contains(wells, well) {
				t.Errorf("%q selects %s, which does not exist", filter, well)
			}
		}
	})
}
