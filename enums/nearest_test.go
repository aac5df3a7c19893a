package enums_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	functions := []string{"gaussian", "median", "white_tophat", "percentile_normalize", "stack_percentile_normalize"}
	for _, tc := range []struct {
		word  string
		among []string
		want  string
	}{
		{"gausian", functions, "gaussian"},
		{"Gaussian", functions, "gaussian"},
		{"guassian", functions, "gaussian"},
		{"white-tophat", functions, "white_tophat"},
		{"percentile_normalise", functions, "percentile_normalize"},
		{"watershed", functions, ""},
		{"gauss", functions, "gaussian"},
		{"Median-Filter", functions, "median"},
		{"me", functions, ""},
		{"", functions, ""},
		{"x", []string{"y"}, "y"}, // one edit is always allowed
		{"ab", []string{"ba"}, "ba"},
		{"hit", []string{"hot", "hat"}, "hot"},
		{"anything", nil, ""},
		{strings.Repeat("a", 1<<20), functions, ""},
		{"médiane", []string{"mediane"}, "mediane"},
	} {
		if got := enums.Nearest(tc.word, tc.among); got != tc.want {
			t.Errorf("Nearest(%.20q) = %q, want %q", tc.word, got, tc.want)
		}
	}
}

func TestUnknownErrorIsOneBoundedSentence(t *testing.T) {
	t.Parallel()
	err := enums.Unknown("function", "gausian", []string{"median", "gaussian"})
	if got, want := err.Error(), `unknown function "gausian": did you mean "gaussian"? (valid: gaussian, median)`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := enums.Unknown("plugin", "x", nil).Error(), `unknown plugin "x" (there is none)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	many := strings.Split(strings.Repeat("name ", 200)+"name", " ")
	long := enums.Unknown("well", strings.Repeat("é", 1<<16), many).Error()
	if len(long) > 1000 || !utf8.ValidString(long) || !strings.Contains(long, "and 177 more") {
		t.Errorf("message is %d bytes: %.200s", len(long), long)
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("gausian", "gaussian")
	f.Add("\xff\xfe", "é")
	f.Fuzz(func(t *testing.T, word, name string) {
		if got := enums.Nearest(name, []string{name}); got != name && len(name) <= 96 {
			t.Errorf("Nearest(%q) among itself = %q", name, got)
		}
		_ = enums.Unknown("word", word, []string{name}).Error()
	})
}
