package server

import (
	"strings"
	"testing"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"short":                  "short",
		"first\nsecond\nthird":   "first\n… and 2 lines more",
		"onelinethatislong":      "onelinetha…",
		"ninebytes\u00e4 and on": "ninebytes…", // not half a letter
	} {
		if got := firstLines(text, 10); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	got := firstWarnings(append([]string{strings.Repeat("x", 1000)}, make([]string, mostWarnings+4)...))
	if len(got) != mostWarnings+1 || len(got[0]) > longestWarning+3 || got[mostWarnings] != "… and 5 warnings more" {
		t.Errorf("%d warnings: %.20q … %q", len(got), got[0], got[len(got)-1])
	}
	if got := firstWarnings(nil); len(got) != 0 {
		t.Errorf("no warnings become %q", got)
	}
}
