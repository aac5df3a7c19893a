package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Resolved holds the value of every setting and where it came from. The zero
// value holds the defaults.
type Resolved struct {
	schema *Schema
	values []resolvedValue // by index of the schema's settings
}

type resolvedValue struct {
	value  any
	origin string
	set    bool
}

// Value is one resolved setting, for people.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // text form
	Origin string `json:"origin"` // "default", "pipeline file nuclei.yaml:12", "--set" …
	Set    bool   `json:"set"`    // by some layer; a default is not set
}

const originDefault = "default"

// Resolve applies layers of the built-in settings, in order.
func Resolve(layers ...Layer) (Resolved, error) { return NewSchema().Resolve(layers...) }

// Resolve applies layers in order, later ones winning, over the defaults. What
// is wrong in any layer is reported at once, as [Problems].
func (s *Schema) Resolve(layers ...Layer) (Resolved, error) {
	r := Resolved{schema: s, values: make([]resolvedValue, len(s.settings))}
	for i, setting := range s.settings {
		r.values[i] = resolvedValue{value: setting.fallback, origin: originDefault}
	}
	var problems Problems
	for _, layer := range layers {
		if !slices.Contains(scopes(), layer.Scope) {
			problems = append(problems, Problem{layer.Origin, enums.Unknown("scope", layer.Scope, scopes()).Error()})
			continue
		}
		values, wrong := s.typed(layer)
		problems = append(problems, wrong...)
		for i, value := range values {
			r.values[i] = resolvedValue{value: value, origin: layer.origin(s.settings[i].Key), set: true}
		}
	}
	if err := problems.orNil(); err != nil {
		return Resolved{}, err
	}
	return r, nil
}

func (r Resolved) orDefaults() Resolved {
	if r.schema != nil {
		return r
	}
	defaults, err := Resolve()
	if err != nil {
		panic(err) // no layer, no problem
	}
	return defaults
}

// Global returns the settings of all scopes.
func (r Resolved) Global() Global {
	var g Global
	r.fill(reflect.ValueOf(&g).Elem(), "")
	return g
}

// Pipeline returns the settings of a pipeline.
func (r Resolved) Pipeline() Pipeline { return r.Global().Pipeline }

// Step returns the settings of a step.
func (r Resolved) Step() Step { return r.Global().Step }

// Section returns the settings of an injected section, as a value of the type
// it was injected with; false if there is no such section.
func (r Resolved) Section(field string) (any, bool) {
	r = r.orDefaults()
	for _, x := range r.schema.sections {
		if x.field == field {
			v := reflect.New(reflect.TypeOf(x.prototype)).Elem()
			r.fill(v, field+".")
			return v.Interface(), true
		}
	}
	return nil, false
}

func (r Resolved) fill(v reflect.Value, prefix string) {
	r = r.orDefaults()
	byKey := make(map[string]any, len(r.values))
	for i, x := range r.values {
		byKey[r.schema.settings[i].Key] = x.value
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if value, ok := byKey[prefix+keyOf(f)]; ok && !f.Anonymous {
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(value))
		}
	}
}

// Explain lists every setting with its value and its origin, in order.
func (r Resolved) Explain() []Value {
	r = r.orDefaults()
	out := make([]Value, len(r.values))
	for i, x := range r.values {
		out[i] = Value{Key: r.schema.settings[i].Key, Value: textOf(x.value), Origin: x.origin, Set: x.set}
	}
	return out
}

// Set returns what was set by any layer, with the winning values, as one global
// layer of the given origin: a client hands its configuration on with it.
func (r Resolved) Set(origin string) Layer {
	r = r.orDefaults()
	l := Layer{Scope: ScopeGlobal, Origin: origin, Set: map[string]any{}}
	for i, x := range r.values {
		if x.set {
			l.Set[r.schema.settings[i].Key] = x.value
		}
	}
	return l
}

// Equal reports whether both hold the same settings with the same values, set
// in both or in neither. Origins may differ.
func (r Resolved) Equal(other Resolved) bool {
	r, other = r.orDefaults(), other.orDefaults()
	return slices.EqualFunc(r.Explain(), other.Explain(), func(a, b Value) bool {
		return a.Key == b.Key && a.Value == b.Value && a.Set == b.Set
	})
}

// first returns the part of a key before its first dot, and the rest.
func first(key string) (section, name string) {
	section, name, nested := strings.Cut(key, ".")
	if !nested {
		return "", key
	}
	return section, name
}
