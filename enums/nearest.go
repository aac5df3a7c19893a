package enums

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// longestWord bounds the edit distance: words come from outside, and the
// distance costs the product of both lengths. No name here is longer.
const longestWord = 96

// Nearest returns the member of among that word most plausibly meant, or ""
// when none is near: more than a third of the word would have to be changed
// (at least one edit is always allowed), and neither is the beginning of the
// other ("gauss", "warning"; three letters at least). Case, and '-' for '_',
// cost nothing; a transposition counts as one edit. Ties go to the first in
// among.
func Nearest(word string, among []string) string {
	limit := max(1, (utf8.RuneCountInString(word)+1)/3)
	best, at := "", limit+1
	for _, name := range among {
		if d := distance(word, name); d < at {
			best, at = name, d
		}
	}
	if best != "" || len(word) > longestWord {
		return best
	}
	for _, name := range among {
		a, b := string(fold(word)), string(fold(name))
		if min(len(a), len(b)) >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			return name
		}
	}
	return ""
}

// NearestFirst returns among sorted by edit distance from word; names equally
// far keep their order.
func NearestFirst(word string, among []string) []string {
	type candidate struct {
		name string
		d    int
	}
	candidates := make([]candidate, len(among))
	for i, name := range among {
		candidates[i] = candidate{name, distance(word, name)}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return a.d - b.d })
	names := make([]string, len(among))
	for i, c := range candidates {
		names[i] = c.name
	}
	return names
}

// UnknownError says that Word names no Kind ("function", "well status" …), and
// which names do.
type UnknownError struct {
	Kind  string
	Word  string
	Valid []string // in the order of definition
}

// Unknown returns an [*UnknownError].
func Unknown(kind, word string, valid []string) error {
	return &UnknownError{Kind: kind, Word: word, Valid: slices.Clone(valid)}
}

// Nearest returns the name most plausibly meant, or "".
func (e *UnknownError) Nearest() string { return Nearest(e.Word, e.Valid) }

// Error reads: unknown well status "runing": did you mean "running"? (valid:
// running, pending, …). At most 24 names are printed.
func (e *UnknownError) Error() string {
	const printed = 24
	var b strings.Builder
	fmt.Fprintf(&b, "unknown %s %s", e.Kind, quote(e.Word))
	if near := e.Nearest(); near != "" {
		fmt.Fprintf(&b, ": did you mean %q?", near)
	}
	if len(e.Valid) == 0 {
		b.WriteString(" (there is none)")
		return b.String()
	}
	names, rest := NearestFirst(e.Word, e.Valid), ""
	if len(names) > printed {
		rest = fmt.Sprintf(" and %d more", len(names)-printed)
		names = names[:printed]
	}
	fmt.Fprintf(&b, " (valid: %s%s)", strings.Join(names, ", "), rest)
	return b.String()
}

// quote quotes a word from outside, which may be of any length and content.
func quote(word string) string {
	if len(word) > longestWord {
		cut := longestWord
		for cut > 0 && !utf8.RuneStart(word[cut]) {
			cut--
		}
		return fmt.Sprintf("%q…", word[:cut])
	}
	return fmt.Sprintf("%q", word)
}

// fold makes spellings equal that a person would not tell apart.
func fold(s string) []rune {
	return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
}

// distance is the optimal string alignment distance (Levenshtein with adjacent
// transpositions) between the folded words. Words too long to compare are
// farther than anything else.
func distance(a, b string) int {
	if len(a) > longestWord*utf8.UTFMax || len(b) > longestWord*utf8.UTFMax {
		return 1 << 20
	}
	s, t := fold(a), fold(b)
	if len(s) > longestWord || len(t) > longestWord {
		return 1 << 20
	}
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
