package pipeline_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

const complete = `
name: nuclei
description: everything a file can say
config:
  threads: 2
steps:
  - name: smooth
    function: gaussian
    with: {sigma: 1.5}
  - name: clean
    chain:
      - function: percentile_normalize
        with: {low: 1, high: 99}
      - function: white_tophat
        with: {radius: 10}
  - name: flatten
    group_by: channel
    each:
      "1": {function: median, with: {radius: 2}}
      "2": {chain: [{function: gaussian, with: {sigma: 2}}]}
    variable_components: [site]
  - name: nuclei
    where: {channel: 1}
    function: segment_nuclei
    with: {min_area: 20}
    objects: Nuclei
  - name: intensity
    from: pipeline_start
    function: measure_intensity
    with: {objects: Nuclei}
    keep: false
    config: {}
`

func TestParseReadsEverything(t *testing.T) {
	t.Parallel()
	def, err := pipeline.Parse("p.yaml", []byte(complete), function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if def.Name != "nuclei" || len(def.Steps) != 5 {
		t.Fatalf("got %q with %d steps", def.Name, len(def.Steps))
	}
	if got := def.Config.Set["threads"]; fmt.Sprint(got) != "2" {
		t.Errorf("threads = %v", got)
	}
	if got := def.Config.Positions["threads"]; got != "p.yaml:5:3" {
		t.Errorf("position of threads = %q", got)
	}
	if g := def.Steps[0].Branches[0].Calls[0].Parameters.(function.Gaussian); g.Sigma != 1.5 {
		t.Errorf("sigma = %v", g.Sigma)
	}
	if got := len(def.Steps[1].Branches[0].Calls); got != 2 {
		t.Errorf("chain has %d links", got)
	}
	flatten := def.Steps[2]
	if len(flatten.Branches) != 2 || flatten.Branches[1].Value.Text != "2" {
		t.Errorf("each = %+v", flatten.Branches)
	}
	nuclei := def.Steps[3]
	if nuclei.Where[0].Values[0].Text != "1" || nuclei.Objects.Text != "Nuclei" {
		t.Errorf("nuclei = %+v", nuclei)
	}
	intensity := def.Steps[4]
	if intensity.From != pipeline.PipelineStart || intensity.Branches[0].Calls[0].Objects.Text != "Nuclei" {
		t.Errorf("intensity = %+v", intensity)
	}
	if intensity.Config.Set["keep"] != false {
		t.Errorf("keep = %v", intensity.Config.Set["keep"])
	}
}

// One row per mistake: the file, and the whole of what is said about it.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	step := func(lines string) string { return "name: p\nsteps:\n" + lines }
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "p.yaml: the file is empty; a pipeline file has name: and steps:"},
		"comment":          {"# nothing\n", "p.yaml: the file is empty; a pipeline file has name: and steps:"},
		"not yaml":         {"a: [1\nb: 2", "p.yaml:2:1: ',' or ']' must be specified"},
		"not a mapping":    {"- a\n", "p.yaml:1:1: a pipeline file must be a mapping (key: value), not a list"},
		"binary":           {"\xff\xfe", "p.yaml: the file is not UTF-8 text; is it a pipeline file?"},
		"two documents":    {"name: a\n---\nname: b\n", "p.yaml:3:5: a second YAML document starts here; a pipeline file has one"},
		"no steps":         {"name: p\n", "p.yaml:1:1: the pipeline has no steps:"},
		"no name":          {"steps:\n  - {name: a, function: gaussian}\n", "p.yaml:1:1: the pipeline has no name: (add name: … at the top)"},
		"top key":          {"name: p\nstep: []\nsteps:\n  - {name: a, function: gaussian}\n", `p.yaml:2:1: unknown key of a pipeline file "step": did you mean "steps"? (valid: steps, name, config, description)`},
		"step key":         {step("  - {name: a, functoin: gaussian, function: gaussian}\n"), `p.yaml:3:15: unknown key of step a "functoin": did you mean "function"?`},
		"function":         {step("  - name: a\n    function: gausian\n"), `p.yaml:4:15: unknown function "gausian": did you mean "gaussian"?`},
		"parameter":        {step("  - name: a\n    function: gaussian\n    with: {sigm: 1}\n"), `p.yaml:5:12: gaussian: parameter sigm: unknown; did you mean sigma?`},
		"parameter range":  {step("  - name: a\n    function: gaussian\n    with: {sigma: -1}\n"), `p.yaml:5:12: gaussian: parameter sigma: -1 is `},
		"parameter type":   {step("  - name: a\n    function: gaussian\n    with: {sigma: wide}\n"), `p.yaml:5:12: gaussian: parameter sigma: is the text "wide", want float`},
		"component":        {step("  - name: a\n    function: gaussian\n    variable_components: [sites]\n"), `p.yaml:5:27: variable_components: unknown component "sites": did you mean "site"?`},
		"well":             {step("  - name: a\n    function: gaussian\n    where: {well: A01}\n"), `p.yaml:5:13: where: every well has a process of its own`},
		"group in stack":   {step("  - name: a\n    function: gaussian\n    variable_components: [channel]\n    group_by: channel\n"), `p.yaml:6:15: group_by: channel is one of the step's variable_components (channel)`},
		"from":             {step("  - name: a\n    function: gaussian\n    from: start\n"), `p.yaml:5:11: unknown value of from "start"`},
		"nothing to do":    {step("  - name: a\n"), "p.yaml:3:11: step a does nothing: give it a function:, a chain: or each:"},
		"two ways":         {step("  - name: a\n    function: gaussian\n    chain: []\n"), "p.yaml:5:5: step a has function and chain; it can have one of them"},
		"empty chain":      {step("  - name: a\n    chain: []\n"), "p.yaml:4:5: chain is empty"},
		"same name":        {step("  - {name: a, function: gaussian}\n  - {name: A, function: gaussian}\n"), `p.yaml:4:12: step "A": the name is taken by the step on line 3`},
		"path name":        {step("  - {name: a/b, function: gaussian}\n"), `p.yaml:3:12: name of step 1: "a/b" has a '/' in it`},
		"same key":         {step("  - name: a\n    function: gaussian\n    function: median\n"), `p.yaml:5:5: step 1 has "function" twice; the first is on line 4`},
		"objects missing":  {step("  - name: a\n    function: segment_nuclei\n"), "p.yaml:3:11: step a makes objects; give them a name (objects: Nuclei)"},
		"objects needless": {step("  - name: a\n    function: gaussian\n    objects: Nuclei\n"), "p.yaml:5:5: step a makes no objects"},
		"objects file":     {step("  - name: a\n    function: segment_nuclei\n    objects: Wells\n"), `p.yaml:5:14: objects: the name "Wells" is taken by a file of every run`},
		"objects unnamed":  {step("  - {name: a, function: segment_nuclei, objects: Nuclei}\n  - {name: b, function: measure_shape}\n"), "p.yaml:4:25: measure_shape takes objects; say which (with: {objects: Nuclei})"},
		"objects unknown":  {step("  - {name: a, function: segment_nuclei, objects: Nuclei}\n  - name: b\n    function: measure_shape\n    with: {objects: Nucleus}\n"), `p.yaml:6:12: unknown objects "Nucleus": did you mean "Nuclei"?`},
		"objects twice":    {step("  - {name: a, function: segment_nuclei, objects: Nuclei}\n  - {name: b, function: segment_nuclei, objects: nuclei}\n"), "p.yaml:4:50: objects: step a makes objects named Nuclei already"},
		"objects later":    {step("  - {name: b, function: measure_shape, with: {objects: Nuclei}}\n  - {name: a, function: segment_nuclei, objects: Nuclei}\n"), `p.yaml:3:47: unknown objects "Nuclei"`},
		"no objects taken": {step("  - {name: a, function: gaussian, with: {objects: Nuclei}}\n"), "p.yaml:3:42: gaussian takes no objects"},
		"each by none":     {step("  - name: a\n    group_by: none\n    each: {\"1\": {function: gaussian}}\n"), "p.yaml:5:5: step a has each: but is grouped by none"},
		"keep":             {step("  - {name: a, function: gaussian, keep: maybe}\n"), `p.yaml:3:41: keep must be true or false, not the text "maybe"`},
		"config key":       {"name: p\nconfig: {thraeds: 2}\nsteps:\n  - {name: a, function: gaussian}\n", `p.yaml:2:10: config: unknown setting "thraeds": did you mean "threads"?`},
		"config scope":     {step("  - {name: a, function: gaussian, config: {threads: 2}}\n"), `p.yaml:3:44: config: `},
		"anchor":           {"name: &n p\nsteps:\n  - {name: *n, function: gaussian}\n", "p.yaml:1:7: name must be a text, not a YAML anchor or alias (write the value out instead)"},
		"huge":             {strings.Repeat("#", 65<<10), "p.yaml: the file has 66560 bytes; a pipeline file has at most 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pipeline.Parse("p.yaml", []byte(c.text), function.Builtin())
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestParseReportsAllProblems(t *testing.T) {
	t.Parallel()
	text := "nme: p\nsteps:\n  - name: a\n    function: gaussian\n    with: {sigm: 1, sigma: -2}\n  - function: nothing\n  - name: c\n    group_by: hannel\n    function: median\n    with: {radius: big}\n"
	_, err := pipeline.Parse("p.yaml", []byte(text), function.Builtin())
	var problems *pipeline.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %T", err)
	}
	var at []string
	for _, p := range problems.List {
		at = append(at, fmt.Sprintf("%d:%d", p.Line, p.Column))
	}
	if got, want := strings.Join(at, " "), "1:1 1:1 5:12 5:21 6:5 6:15 8:15 10:12"; got != want {
		t.Errorf("problems at %s, want %s\n%v", got, want, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(complete))
	for _, s := range []string{"", "a", "[", "name: p\nsteps: [{name: a, function: gaussian}]", "- - -", "? a\n: b", "a: &a [*a]", "steps:\n - each: {1: {chain: [{}]}}"} {
		f.Add([]byte(s))
	}
	if files, err := filepath.Glob("../../examples/*.yaml"); err == nil {
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				f.Add(text)
			}
		}
	}
	catalogue := function.Builtin()
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 {
			return
		}
		def, err := pipeline.Parse("p.yaml", text, catalogue)
		if (def == nil) == (err == nil) {
			t.Fatalf("definition %v, error %v", def, err)
		}
		var problems *pipeline.Problems
		if err != nil && (!errors.As(err, &problems) || len(problems.List) == 0) {
			t.Fatalf("error is %T", err)
		}
		if err == nil && (def.Name == "" || len(def.Steps) == 0) {
			t.Fatalf("accepted a pipeline without name or steps: %q", text)
		}
	})
}
