package protocol

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Pipelines and configurations that no person writes are refused in time, and
// the server lives on.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	endpoint := ipc(w.Places.Socket(s.Port + 1000))
	c := w.Client()
	folder := small(w)
	marker := w.Path("called")
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	// As long as a text may be: 64 KiB for a pipeline, 256 KiB for a configuration.
	texts := func(size int) map[string]string {
		fill := func(before, unit, after string) string {
			return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
		}
		half := strings.Repeat("]", size/2-10)
		return map[string]string{
			"lists in lists":        fill("steps: ", "[", ""),
			"closed lists in lists": fill("steps: ", "[", half),
			"mappings in mappings":  fill("steps: ", "{a: ", ""),
			"indented mappings":     indented(350),
			"dashes":                fill("steps:\n", "- ", ""),
			"aliases that unfold":   laughs + "steps: *a11\n",
			"an alias of itself":    "steps: &a [*a]\n",
			"a merge of itself":     "a: &a {<<: *a}\nsteps: []\n",
			"a long text":           fill("name: ", "x", "\nsteps: []\n"),
			"a long key":            fill("", "x", ": y\n"),
			"thousands of steps":    fill("steps:\n", "  - function: gaussian\n", ""),
			"many documents":        fill("", "---\n", ""),
			"many anchors":          fill("steps: [", "&a x,", "]"),
			"a tag":                 "steps: !!python/object/apply:os.system [touch " + marker + "]\n",
			"many tags":             fill("steps: ", "!a ", "x"),
			"a long integer":        fill("steps: ", "9", ""),
			"quotes":                fill("steps: ", "\"", ""),
			"question marks":        fill("steps: ", "? ", ""),
			"control characters":    "steps: \x01\x02\x7f",
			"tabs":                  fill("", "\t", ""),
			"percent signs":         fill("", "%YAML 1.2\n", ""),
			"a folded scalar":       fill("steps: >\n", "  x\n", ""),
			"colons":                fill("", ":", ""),
			"a long chain":          fill("name: x\nsteps:\n  - name: a\n    chain:\n", "      - function: gaussian\n        with: {sigma: 1}\n", "      - bogus\n"),
			"one byte too many":     fill("name: x\n#", "#", "##"),
		}
	}
	refuse := func(name string, request message.Execute) {
		t.Helper()
		request.PlateID, request.OutputPath = folder, w.Path("out")
		accepted, err := c.Submit(w.Context(), request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantPing(t, endpoint, name)
		x, err := c.Follow(w.Context(), accepted.ExecutionID, client.Follower{})
		if err != nil {
			t.Fatalf("%s: waited for its end: %v", name, err)
		}
		if x.Status != "failed" || x.ErrorCode != "invalid_input" || len(text(x.Error)) > 64<<10 {
			t.Errorf("%s: ended as %s with %d bytes of error: %.300s", name, x.Status, len(text(x.Error)), text(x.Error))
		}
	}
	for name, yaml := range texts(64 << 10) {
		refuse(name+" as pipeline", message.Execute{PipelineCode: yaml})
	}
	configurations := texts(256 << 10)
	for _, name := range []string{"lists in lists", "dashes", "many anchors", "thousands of steps", "quotes", "one byte too many"} {
		refuse(name+" as configuration", message.Execute{PipelineCode: harness.Nuclei, ConfigCode: configurations[name]})
	}
	parameters := map[string]any{}
	for i := range 10_000 {
		parameters[fmt.Sprintf("setting%d", i)] = i
	}
	refuse("ten thousand settings", message.Execute{PipelineCode: harness.Nuclei, ConfigParams: parameters})
	for _, filter := range []string{"A01:P24,", "x,", "row:", "!", ":::", "!!!A01,", "col:01-99,", "9", "A1-"} {
		refuse("the filter "+filter, message.Execute{PipelineCode: harness.Nuclei, WellFilter: strings.Repeat(filter, 60_000/len(filter)) + "no well"})
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a tag was carried out")
	}
	if mib := resident(t, s.Pid()); mib > 1500 {
		t.Errorf("the server holds %d MiB afterwards", mib)
	}
}

// indented is a mapping in a mapping, n times over, each a column further in.
func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
