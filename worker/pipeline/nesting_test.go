package pipeline_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// A file that is nothing but nesting is refused before the YAML parser sees it,
// which would take gigabytes for it: the text comes from clients.
func TestNestingIsBounded(t *testing.T) {
	const size = 64 << 10
	catalogue := function.Builtin()
	for _, unit := range []string{
		"[", "{a: ", "[{a: ", "- ", "? ", "- ? ", "- &a ", "- !t ", "a: ", "a: - ", "? - a: ", "[[],", "{a: b, c: ", "&a ", "!t ", "*a ", "<<: ", "- - ", "- a\n ",
		"[\n", "- \n", "{\n", "|\n ", "\"a\": ", "'", ", ", "] ", "} ", "a:\n", "?\n", "-\n", "- [", "# x\n", "---\n", "...\n", "%A\n", "`", "@", ">-\n", ": ", ":\n ",
	} {
		for _, before := range []string{"", "steps: "} {
			var start, end runtime.MemStats
			runtime.ReadMemStats(&start)
			text := before + strings.Repeat(unit, (size-len(before))/len(unit))
			_, err := pipeline.Parse("hostile.yaml", []byte(text), catalogue)
			runtime.ReadMemStats(&end)
			var problems *pipeline.Problems
			if !errors.As(err, &problems) {
				t.Errorf("%q: %v", before+unit, err)
			}
			// Most of it garbage at once: the parser's time and garbage grow with
			// the square of the size for keys without a value too.
			if mib := (end.TotalAlloc - start.TotalAlloc) >> 20; mib > 3000 {
				t.Errorf("%q: parsing took %d MiB", before+unit, mib)
			}
		}
	}
}
