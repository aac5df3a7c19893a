package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// Parse reads a pipeline file. name is the file's, for messages. The error is
// a *[Problems] with everything wrong with the file.
func Parse(name string, text []byte, catalogue *function.Catalogue) (*Definition, error) {
	p := &reader{
		collector: collector{file: name},
		catalogue: catalogue,
		objects:   make(map[string]string),
	}
	def := p.pipeline(bytes.TrimPrefix(text, []byte("\ufeff"))) // as some editors begin a file
	if err := p.err(); err != nil {
		return nil, err
	}
	return def, nil
}

// reader is one Parse: the problems so far and what the steps so far gave.
type reader struct {
	collector
	catalogue *function.Catalogue
	objects   map[string]string // name of objects → the step that makes them
}

func topKeys() []string { return []string{"name", "description", "config", "steps"} }

func (p *reader) pipeline(text []byte) *Definition {
	root, ok := p.document(text)
	if !ok {
		return nil
	}
	entries, ok := p.mapping(root, "a pipeline file")
	if !ok {
		return nil
	}
	p.known(entries, "key of a pipeline file", topKeys())
	def := &Definition{File: p.file}
	var steps ast.Node
	for _, e := range entries {
		switch e.key.Text {
		case "name":
			if w, ok := p.text(e.value, "name"); ok {
				def.Name = w.Text
				if strings.TrimSpace(w.Text) == "" {
					p.add(w.At, "name is empty")
				}
			}
		case "description":
			w, _ := p.text(e.value, "description")
			def.Description = w.Text
		case "config":
			def.Config = p.config(e, config.ScopePipeline, "pipeline file "+p.file)
		case "steps":
			steps = e.value
		}
	}
	if def.Name == "" && !slices.ContainsFunc(entries, func(e entry) bool { return e.key.Text == "name" }) {
		p.add(Position{1, 1}, "the pipeline has no name: (add name: … at the top)")
	}
	if steps == nil {
		p.add(Position{1, 1}, "the pipeline has no steps:")
		return def
	}
	def.Steps = p.steps(steps)
	return def
}

func (p *reader) steps(n ast.Node) []StepDefinition {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		p.add(position(n), "steps must be a list (- name: …), not %s", kindOf(n))
		return nil
	}
	if len(seq.Values) == 0 {
		p.add(position(n), "steps is empty; a pipeline needs at least one step")
	}
	var steps []StepDefinition
	names := make(map[string]Position)
	for i, v := range seq.Values {
		step := p.step(i, v)
		if step.Name != "" {
			// Names become folder names (images/<step>), and file systems may
			// fold case.
			folded := strings.ToLower(step.Name)
			if first, taken := names[folded]; taken {
				p.add(step.At, "step %q: the name is taken by the step on line %d; step names must differ in more than case", step.Name, first.Line)
			} else {
				names[folded] = step.At
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// config reads a config: block as a layer of its scope. Nested mappings become
// dotted keys; whether the keys and values are valid is for config to say.
func (p *reader) config(e entry, scope, origin string) config.Layer {
	layer := config.Layer{Scope: scope, Origin: origin, Set: map[string]any{}, Positions: map[string]string{}}
	if _, empty := e.value.(*ast.NullNode); empty {
		return layer
	}
	at := make(map[string]Position)
	p.flatten("", e.value, layer, at)
	// One setting at a time, so that each problem has its own position.
	for key, value := range layer.Set {
		one := config.Layer{Scope: scope, Origin: origin, Set: map[string]any{key: value}}
		if _, err := config.Resolve(one); err != nil {
			var problems config.Problems
			if errors.As(err, &problems) {
				p.add(at[key], "config: %s", problems[0].Message)
			} else {
				p.add(at[key], "config: %v", err)
			}
			delete(layer.Set, key)
		}
	}
	return layer
}

func (p *reader) flatten(prefix string, n ast.Node, layer config.Layer, at map[string]Position) {
	entries, ok := p.mapping(n, "config")
	if !ok {
		return
	}
	for _, e := range entries {
		key := prefix + e.key.Text
		switch e.value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			p.flatten(key+".", e.value, layer, at)
			continue
		case *ast.NullNode:
			continue // unset inherits
		}
		if v, ok := p.value(e.value, "config "+key); ok {
			layer.Set[key] = v
			layer.Positions[key] = fmt.Sprintf("%s:%d:%d", p.file, e.key.At.Line, e.key.At.Column)
			at[key] = e.key.At
		}
	}
}

// component checks that w is a component a step may vary, select or group by.
func (p *reader) component(w Word, among *enums.Enumeration, what string) bool {
	if w.Text == enums.Well {
		p.add(w.At, "%s: every well has a process of its own, so a step cannot name the well (choose wells with --wells)", what)
		return false
	}
	if _, err := among.Member(w.Text); err != nil {
		p.add(w.At, "%s: %v", what, enums.Unknown("component", w.Text, among.Names()))
		return false
	}
	return true
}
