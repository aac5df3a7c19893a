package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// branches reads what a step does: a function, a chain, or one of them per
// value of group_by.
func (p *reader) branches(step *StepDefinition, what string, byKey map[string]entry) {
	var ways []string
	for _, key := range []string{"function", "chain", "each"} {
		if _, given := byKey[key]; given {
			ways = append(ways, key)
		}
	}
	with, withGiven := byKey["with"]
	switch {
	case len(ways) == 0:
		p.add(step.At, "%s does nothing: give it a function:, a chain: or each:", what)
		return
	case len(ways) > 1:
		p.add(byKey[ways[1]].key.At, "%s has %s; it can have one of them", what, strings.Join(ways, " and "))
		return
	case withGiven && ways[0] != "function":
		p.add(with.key.At, "with: belongs beside a function:, inside the %s", ways[0])
	}
	if ways[0] == "each" {
		p.each(step, what, byKey["each"])
	} else {
		calls := p.calls(step, byKey)
		step.Branches = []BranchDefinition{{Calls: calls}}
	}

	gives := slices.ContainsFunc(step.Branches, func(b BranchDefinition) bool {
		return slices.ContainsFunc(b.Calls, func(c CallDefinition) bool { return p.definition(c).GivesObjects })
	})
	resolved := !slices.ContainsFunc(step.Branches, func(b BranchDefinition) bool {
		return len(b.Calls) == 0 || slices.ContainsFunc(b.Calls, func(c CallDefinition) bool { return p.definition(c).Apply == nil })
	})
	_, named := byKey["objects"]
	switch {
	case gives && !named:
		p.add(step.At, "%s makes objects; give them a name (objects: Nuclei)", what)
	case !gives && named && resolved:
		p.add(byKey["objects"].key.At, "%s makes no objects, so there is nothing to name; a function takes objects by with: {objects: …}", what)
	case gives && step.Objects.Text != "":
		p.objects[step.Objects.Text] = step.Name
	}
}

// definition returns the catalogue's entry of a call, or a zero one when the
// function is unknown, which has been reported.
func (p *reader) definition(c CallDefinition) function.Definition {
	d, err := p.catalogue.Get(c.Function)
	if err != nil {
		return function.Definition{}
	}
	return d
}

func (p *reader) each(step *StepDefinition, what string, e entry) {
	if step.GroupBy.Text == enums.None {
		p.add(e.key.At, "%s has each: but is grouped by none; name the component with group_by:", what)
	}
	entries, ok := p.mapping(e.value, "each")
	if !ok {
		return
	}
	if len(entries) == 0 {
		p.add(e.key.At, "each names no value of %s", step.GroupBy.Text)
	}
	for _, value := range entries {
		label := fmt.Sprintf("each %q", value.key.Text)
		inner, ok := p.mapping(value.value, label)
		if !ok {
			continue
		}
		p.known(inner, "key of "+label, []string{"function", "with", "chain"})
		byKey := make(map[string]entry, len(inner))
		for _, i := range inner {
			byKey[i.key.Text] = i
		}
		_, single := byKey["function"]
		_, chain := byKey["chain"]
		with, withGiven := byKey["with"]
		switch {
		case single && chain:
			p.add(value.key.At, "%s has function and chain; it can have one of them", label)
			continue
		case !single && !chain:
			p.add(value.key.At, "%s does nothing: give it a function: or a chain:", label)
			continue
		case chain && withGiven:
			p.add(with.key.At, "with: belongs beside a function:, inside the chain")
		}
		step.Branches = append(step.Branches, BranchDefinition{Value: value.key, Calls: p.calls(step, byKey)})
	}
}

// calls reads function: and with:, or chain:.
func (p *reader) calls(step *StepDefinition, byKey map[string]entry) []CallDefinition {
	own := false // the objects of this step were made earlier in this chain
	if _, single := byKey["function"]; single {
		if call, ok := p.call(step, byKey, &own); ok {
			return []CallDefinition{call}
		}
		return nil
	}
	e := byKey["chain"]
	seq, ok := e.value.(*ast.SequenceNode)
	if !ok {
		p.add(position(e.value), "chain must be a list (- function: …), not %s", kindOf(e.value))
		return nil
	}
	if len(seq.Values) == 0 {
		p.add(e.key.At, "chain is empty")
	}
	var calls []CallDefinition
	for i, v := range seq.Values {
		label := fmt.Sprintf("link %d of the chain", i+1)
		entries, ok := p.mapping(v, label)
		if !ok {
			continue
		}
		p.known(entries, "key of "+label, []string{"function", "with"})
		inner := make(map[string]entry, len(entries))
		for _, e := range entries {
			inner[e.key.Text] = e
		}
		if _, given := inner["function"]; !given {
			p.add(start(v), "%s has no function:", label)
			continue
		}
		if call, ok := p.call(step, inner, &own); ok {
			calls = append(calls, call)
		}
	}
	return calls
}

func (p *reader) call(step *StepDefinition, byKey map[string]entry, own *bool) (CallDefinition, bool) {
	name, ok := p.text(byKey["function"].value, "function")
	if !ok {
		return CallDefinition{}, false
	}
	call := CallDefinition{Function: name.Text, At: name.At}
	def, err := p.catalogue.Get(name.Text)
	if err != nil {
		names := make([]string, 0, 16)
		for _, d := range p.catalogue.All() {
			names = append(names, d.Name)
		}
		p.add(name.At, "%v", enums.Unknown("function", name.Text, names))
		return call, true // the rest of the step can still be checked
	}
	set, at := p.with(byKey["with"])
	p.takes(step, def, &call, set, at, *own)
	if def.GivesObjects {
		if *own {
			p.add(call.At, "%s makes objects, and so does an earlier link of the chain; a step makes one kind of objects", def.Name)
		}
		*own = true
	}
	call.Parameters = p.parameters(def, name.At, set, at)
	return call, true
}

// with reads a function's parameters as plain data.
func (p *reader) with(e entry) (set map[string]any, at map[string]Position) {
	set, at = map[string]any{}, map[string]Position{}
	if e.value == nil {
		return set, at
	}
	if _, empty := e.value.(*ast.NullNode); empty {
		return set, at
	}
	entries, ok := p.mapping(e.value, "with")
	if !ok {
		return set, at
	}
	for _, e := range entries {
		if v, ok := p.value(e.value, "with "+e.key.Text); ok {
			set[e.key.Text] = v
			at[e.key.Text] = e.key.At
		}
	}
	return set, at
}

// takes resolves with: {objects: NAME}, which belongs to the pipeline and not
// to the function's own parameters.
func (p *reader) takes(step *StepDefinition, def function.Definition, call *CallDefinition, set map[string]any, at map[string]Position, own bool) {
	value, given := set["objects"]
	delete(set, "objects")
	known := slices.Sorted(maps.Keys(p.objects))
	if own && step.Objects.Text != "" {
		known = append(known, step.Objects.Text)
	}
	switch name, isText := value.(string); {
	case !def.TakesObjects && given:
		p.add(at["objects"], "%s takes no objects", def.Name)
	case !def.TakesObjects:
	case !given && len(known) == 0:
		p.add(call.At, "%s takes objects (with: {objects: NAME}), and no step before this one makes any", def.Name)
	case !given:
		p.add(call.At, "%s takes objects; say which (with: {objects: %s})", def.Name, known[0])
	case !isText:
		p.add(at["objects"], "objects must be a name")
	case !slices.Contains(known, name):
		p.add(at["objects"], "%v; objects are known after the step that makes them", enums.Unknown("objects", name, known))
	default:
		call.Objects = Word{Text: name, At: at["objects"]}
	}
}

// parameters decodes a function's parameters. Decoding stops at its first
// problem, so it is repeated without the parameter at fault.
func (p *reader) parameters(def function.Definition, call Position, set map[string]any, at map[string]Position) any {
	for {
		decoded, err := def.DecodeParameters(set)
		if err == nil {
			return decoded
		}
		var bad *function.ParameterError
		if !errors.As(err, &bad) {
			p.add(call, "%v", err)
			return nil
		}
		key := bad.Parameter
		if _, given := set[key]; !given {
			key, _, _ = strings.Cut(key, ".") // a problem inside a nested value
		}
		where, given := at[key]
		if !given {
			p.add(call, "%v", err)
			return nil
		}
		p.add(where, "%v", err)
		delete(set, key)
	}
}
