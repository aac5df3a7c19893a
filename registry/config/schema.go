package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

// Where a layer applies, and where a setting may be set; widest first.
const (
	ScopeGlobal   = "global"
	ScopePipeline = "pipeline"
	ScopeStep     = "step"
)

func scopes() []string { return []string{ScopeGlobal, ScopePipeline, ScopeStep} }

// Setting describes one setting, for people.
type Setting struct {
	Key     string `json:"key"`     // dotted: "workers", "viewer.port"
	Kind    string `json:"kind"`    // "whole number", "duration", "debug|info|warn|error"
	Scope   string `json:"scope"`   // the narrowest scope that may set it
	Default string `json:"default"` // text form
	Doc     string `json:"doc"`

	goType   reflect.Type
	fallback any // the default
	min, max any // nil: none
}

// Schema is a set of settings: the built-in ones and those of injected
// sections.
type Schema struct {
	settings []Setting
	sections []section
}

// section is an injected group of settings, "viewer.…".
type section struct {
	field, typeName, scope string
	prototype              any
}

// NewSchema returns the built-in settings.
func NewSchema() *Schema {
	s := &Schema{}
	fields, err := settingsOf(reflect.ValueOf(Defaults()), "")
	if err != nil {
		panic(err) // a field of this package is wrong
	}
	for _, f := range fields {
		f.Scope = ScopeGlobal
		if has[Step](f.Key) {
			f.Scope = ScopeStep
		} else if has[Pipeline](f.Key) {
			f.Scope = ScopePipeline
		}
		s.settings = append(s.settings, f)
	}
	return s
}

func has[T any](key string) bool {
	return slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[T]()), func(f reflect.StructField) bool {
		return keyOf(f) == key
	})
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = f.Name
	}
	return name
}

// settingsOf reads the settings off a struct value that holds the defaults.
func settingsOf(defaults reflect.Value, prefix string) ([]Setting, error) {
	var out []Setting
	for _, f := range reflect.VisibleFields(defaults.Type()) {
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			continue // its fields are visible themselves
		}
		s := Setting{Key: prefix + keyOf(f), Doc: f.Tag.Get("doc"), goType: f.Type}
		if !f.IsExported() {
			return nil, fmt.Errorf("%s: an unexported field cannot be set", s.Key)
		}
		var err error
		if s.Kind, err = kindOf(f.Type); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Key, err)
		}
		for tag, limit := range map[string]*any{"min": &s.min, "max": &s.max} {
			if text, given := f.Tag.Lookup(tag); given {
				if *limit, err = fromText(f.Type, text); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", s.Key, tag, err)
				}
			}
		}
		if s.fallback, err = s.check(defaults.FieldByIndex(f.Index).Interface()); err != nil {
			return nil, fmt.Errorf("%s: default: %w", s.Key, err)
		}
		s.Default = textOf(s.fallback)
		out = append(out, s)
	}
	return out, nil
}

// check converts a value to the setting's type and holds it to its range.
func (s Setting) check(value any) (any, error) {
	v, err := convert(s.goType, value)
	switch {
	case err != nil:
		return nil, err
	case s.min != nil && below(v, s.min):
		return nil, fmt.Errorf("%s is below the least value, %s", textOf(v), textOf(s.min))
	case s.max != nil && below(s.max, v):
		return nil, fmt.Errorf("%s is above the greatest value, %s", textOf(v), textOf(s.max))
	}
	return v, nil
}

// Inject adds the settings of another package as a section: the fields of
// defaults, a struct value, become "<field>.<name>", settable down to the given
// scope. typeName is the struct's registered name, in its own home package;
// [Schema.Register] registers it, if its home has not.
func (s *Schema) Inject(field, typeName, scope string, defaults any) error {
	t := reflect.TypeOf(defaults)
	switch {
	case !slices.Contains(scopes(), scope):
		return fmt.Errorf("inject section %s: %w", field, enums.Unknown("scope", scope, scopes()))
	case t == nil || t.Kind() != reflect.Struct:
		return fmt.Errorf("inject section %s: the defaults are a %v, want a struct value", field, t)
	case field == "" || field == typeKey || strings.ContainsAny(field, ". \t\n:#"):
		return fmt.Errorf("inject section %q: not a section's name", field)
	}
	for _, held := range s.settings {
		if first, _, _ := strings.Cut(held.Key, "."); first == field {
			return fmt.Errorf("inject section %s: the name is taken", field)
		}
	}
	settings, err := settingsOf(reflect.ValueOf(defaults), field+".")
	if err != nil {
		return fmt.Errorf("inject section %s: %w", field, err)
	}
	if len(settings) == 0 {
		return fmt.Errorf("inject section %s: it has no settings", field)
	}
	for _, setting := range settings {
		setting.Scope = scope
		s.settings = append(s.settings, setting)
	}
	s.sections = append(s.sections, section{field, typeName, scope, defaults})
	return nil
}

// Settings lists every setting, in order.
func (s *Schema) Settings() []Setting { return slices.Clone(s.settings) }

// Register registers the built-in types and their layered forms.
func Register(r *registry.Registry) error { return NewSchema().Register(r) }

// Register registers the types of the three scopes, those of the injected
// sections, and the layered forms of all of them, each under the name of its
// home package.
func (s *Schema) Register(r *registry.Registry) error {
	for _, x := range s.sections {
		if err := r.Register(x.typeName, x.prototype); err != nil {
			return fmt.Errorf("register configuration: %w", err)
		}
	}
	for scope, prototype := range map[string]any{ScopeGlobal: Global{}, ScopePipeline: Pipeline{}, ScopeStep: Step{}} {
		if err := r.Register(typeName(scope), prototype); err != nil {
			return fmt.Errorf("register configuration: %w", err)
		}
		if _, err := s.layered(r, scope); err != nil {
			return err
		}
	}
	return nil
}

// layered returns the layered form of a scope's type, injected sections
// included.
func (s *Schema) layered(r *registry.Registry, scope string) (*registry.Layered, error) {
	var injected []registry.Injected
	for _, x := range s.sections {
		if allows(scope, x.scope) {
			injected = append(injected, registry.Injected{Field: x.field, Type: x.typeName})
		}
	}
	l, err := r.RegisterLayered(typeName(scope), injected...)
	if err != nil {
		return nil, fmt.Errorf("register configuration: %w", err)
	}
	return l, nil
}

// allows reports whether a layer of the given scope may set a setting whose
// narrowest scope is narrowest.
func allows(scope, narrowest string) bool {
	return slices.Index(scopes(), scope) <= slices.Index(scopes(), narrowest)
}

// typeName returns the registered name of a scope's type.
func typeName(scope string) string {
	return "wellhouse.config." + strings.ToUpper(scope[:1]) + scope[1:] + "Config"
}

// find returns the setting of that key, or says why a layer of that scope
// cannot set it.
func (s *Schema) find(scope, key string) (int, error) {
	var valid []string
	for i, x := range s.settings {
		switch {
		case x.Key == key && !allows(scope, x.Scope):
			return 0, fmt.Errorf("%s cannot be set for a %s, only at the scope %s", key, scope, reach(x.Scope))
		case x.Key == key:
			return i, nil
		case allows(scope, x.Scope):
			valid = append(valid, x.Key)
		}
	}
	return 0, enums.Unknown("setting", key, valid)
}

func reach(narrowest string) string {
	return strings.Join(scopes()[:slices.Index(scopes(), narrowest)+1], " or ")
}
