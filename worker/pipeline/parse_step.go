package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
)

func stepKeys() []string {
	return []string{
		"name", "description", "from", "where", "variable_components", "group_by",
		"function", "with", "chain", "each", "objects", "keep", "config",
	}
}

func (p *reader) step(index int, n ast.Node) StepDefinition {
	step := StepDefinition{
		At:       start(n),
		From:     Previous,
		Variable: []Word{{Text: enums.Site}},
		GroupBy:  Word{Text: enums.Channel},
	}
	what := fmt.Sprintf("step %d", index+1)
	entries, ok := p.mapping(n, what)
	if !ok {
		return step
	}
	byKey := make(map[string]entry, len(entries))
	for _, e := range entries {
		byKey[e.key.Text] = e
	}
	if e, given := byKey["name"]; given {
		if w, ok := p.text(e.value, "name of "+what); ok {
			step.At = w.At
			if problem := nameProblem(w.Text); problem != "" {
				p.add(w.At, "name of %s: %s", what, problem)
			}
			step.Name = w.Text
			what = "step " + w.Text
		}
	} else {
		p.add(step.At, "%s has no name:", what)
	}
	p.known(entries, "key of "+what, stepKeys())

	if e, given := byKey["description"]; given {
		w, _ := p.text(e.value, "description")
		step.Description = w.Text
	}
	if e, given := byKey["from"]; given {
		p.from(&step, e)
	}
	p.grouping(&step, byKey)
	if e, given := byKey["where"]; given {
		step.Where = p.where(e)
	}
	if e, given := byKey["objects"]; given {
		p.names(&step, e)
	}
	p.branches(&step, what, byKey)
	p.stepConfig(&step, byKey)
	return step
}

// nameProblem says what is wrong with a step's name, which is also the name of
// the folder its images go to.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case utf8.RuneCountInString(name) > 64:
		return "it is longer than 64 characters"
	case strings.TrimSpace(name) != name:
		return fmt.Sprintf("%q begins or ends with a space", name)
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "."):
		return fmt.Sprintf("%q begins or ends with a dot", name)
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" _-.+", r) {
			return fmt.Sprintf("%q has a %q in it; use letters, digits, spaces and _ - . +", shorten(name), r)
		}
	}
	return ""
}

func (p *reader) from(step *StepDefinition, e entry) {
	w, ok := p.text(e.value, "from")
	if !ok {
		return
	}
	valid := []string{string(Previous), string(PipelineStart)}
	if !slices.Contains(valid, w.Text) {
		p.add(w.At, "%v", enums.Unknown("value of from", w.Text, valid))
		return
	}
	step.From = Source(w.Text)
}

// grouping reads variable_components and group_by.
func (p *reader) grouping(step *StepDefinition, byKey map[string]entry) {
	components := enums.Microscopy()
	if e, given := byKey["variable_components"]; given {
		step.Variable = nil
		for _, w := range p.texts(e.value, "variable_components") {
			if p.component(w, components.Variable, "variable_components") {
				step.Variable = append(step.Variable, w)
			}
		}
	}
	e, given := byKey["group_by"]
	if !given {
		if step.varies(step.GroupBy.Text) {
			step.GroupBy = Word{Text: enums.None}
		}
		return
	}
	w, ok := p.text(e.value, "group_by")
	if !ok || !p.component(w, components.GroupBy, "group_by") {
		return
	}
	step.GroupBy = w
	if step.varies(w.Text) {
		p.add(w.At, "group_by: %s is one of the step's variable_components (%s), so a stack has no one %s to choose a function by; "+
			"group by another component or by none", w.Text, strings.Join(texts(step.Variable), ", "), w.Text)
	}
}

func (s *StepDefinition) varies(component string) bool {
	return slices.ContainsFunc(s.Variable, func(w Word) bool { return w.Text == component })
}

func texts(words []Word) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = w.Text
	}
	return list
}

func (p *reader) where(e entry) []Selection {
	entries, ok := p.mapping(e.value, "where")
	if !ok {
		return nil
	}
	var where []Selection
	for _, e := range entries {
		if !p.component(e.key, enums.Microscopy().Variable, "where") {
			continue
		}
		values := p.texts(e.value, "where "+e.key.Text)
		if len(values) == 0 {
			if _, list := e.value.(*ast.SequenceNode); list {
				p.add(e.key.At, "where %s names no value", e.key.Text)
			}
			continue
		}
		where = append(where, Selection{Component: e.key, Values: values})
	}
	return where
}

// names reads objects:, the name of the objects a step makes. It becomes a
// table's file name and a column prefix.
func (p *reader) names(step *StepDefinition, e entry) {
	w, ok := p.text(e.value, "objects")
	if !ok {
		return
	}
	switch {
	case !isWord(w.Text):
		p.add(w.At, "objects: %q is not a name; use a letter and then letters, digits and _ (it names a table and its columns)", shorten(w.Text))
		return
	case slices.Contains([]string{"wells", "sites", "joblog", "plate", "manifest", "images", "image", "metadata"}, strings.ToLower(w.Text)):
		p.add(w.At, "objects: the name %q is taken by a file of every run", w.Text)
		return
	}
	for name, maker := range p.objects {
		if strings.EqualFold(name, w.Text) {
			p.add(w.At, "objects: step %s makes objects named %s already", maker, name)
			return
		}
	}
	step.Objects = w
}

// stepConfig reads config: and keep:, which is short for config: {keep: …}.
func (p *reader) stepConfig(step *StepDefinition, byKey map[string]entry) {
	origin := "step " + step.Name
	step.Config = config.Layer{Scope: config.ScopeStep, Origin: origin}
	if e, given := byKey["config"]; given {
		step.Config = p.config(e, config.ScopeStep, origin)
	}
	e, given := byKey["keep"]
	if !given {
		return
	}
	keep, ok := p.flag(e.value, "keep")
	if !ok {
		return
	}
	if _, twice := step.Config.Set["keep"]; twice {
		p.add(e.key.At, "keep is also set in this step's config:; leave one of them out")
		return
	}
	if step.Config.Set == nil {
		step.Config.Set, step.Config.Positions = map[string]any{}, map[string]string{}
	}
	step.Config.Set["keep"] = keep
	step.Config.Positions["keep"] = fmt.Sprintf("%s:%d:%d", p.file, e.key.At.Line, e.key.At.Column)
}
