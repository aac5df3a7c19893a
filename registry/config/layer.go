package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

// Layer is what one source sets.
type Layer struct {
	Scope  string // ScopeGlobal, ScopePipeline or ScopeStep; the command line is global
	Origin string // "global file PATH", "pipeline file PATH", "step NAME", "--set", "flag --workers"
	// Set holds dotted keys and scalars: of the setting's own type, or as YAML
	// gives them.
	Set map[string]any
	// Positions holds, for keys that stand in a file, "PATH:LINE:COLUMN".
	Positions map[string]string
}

// where says where a key was set: the position if there is one, else the origin.
func (l Layer) where(key string) string {
	if at := l.Positions[key]; at != "" {
		return at
	}
	return l.Origin
}

// origin is the origin of a key's value as Explain prints it: "pipeline file
// nuclei.yaml:12", "step nuclei (nuclei.yaml:12)", "--set".
func (l Layer) origin(key string) string {
	at := l.Positions[key]
	if at == "" {
		return l.Origin
	}
	if last := strings.LastIndexByte(at, ':'); strings.Count(at, ":") > 1 && last > 0 {
		at = at[:last] // a person needs no column
	}
	if file, line, ok := cutLast(at, ":"); ok && strings.HasSuffix(l.Origin, file) {
		return l.Origin + ":" + line
	}
	return l.Origin + " (" + at + ")"
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Where   string // "nuclei.yaml:3:5", or an origin such as "--set"
	Message string
}

// Error reads "where: message".
func (p Problem) Error() string { return p.Where + ": " + p.Message }

// Problems is everything that is wrong, in order; as an error it is never empty.
type Problems []Problem

// Error has a line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// ParseSet reads "key=value", as --set takes it, with the built-in settings.
func ParseSet(assignment string) (Layer, error) { return NewSchema().ParseSet(assignment) }

// ParseSet reads "key=value", as --set takes it, into a layer of its own.
func (s *Schema) ParseSet(assignment string) (Layer, error) {
	l := Layer{Scope: ScopeGlobal, Origin: "--set", Set: map[string]any{}}
	key, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return l, Problem{"--set", fmt.Sprintf("%q is not key=value", clip(assignment))}
	}
	key = strings.TrimSpace(key)
	i, err := s.find(l.Scope, key)
	if err != nil {
		return l, Problem{"--set", err.Error()}
	}
	value, err := fromText(s.settings[i].goType, strings.TrimSpace(text))
	if err == nil {
		value, err = s.settings[i].check(value)
	}
	if err != nil {
		return l, Problem{"--set", key + ": " + err.Error()}
	}
	l.Set[key] = value
	return l, nil
}

// Pack encodes what a layer sets as a value of the layered form of its scope's
// type (wellhouse.config.LayeredPipelineConfig): unset settings stay unset on
// the other side. The origin and positions stay here.
func (s *Schema) Pack(r *registry.Registry, l Layer) ([]byte, error) {
	if !slices.Contains(scopes(), l.Scope) {
		return nil, fmt.Errorf("pack layer: %w", enums.Unknown("scope", l.Scope, scopes()))
	}
	typed, problems := s.typed(l)
	if problems != nil {
		return nil, fmt.Errorf("pack layer: %w", problems)
	}
	form, err := s.layered(r, l.Scope)
	if err != nil {
		return nil, err
	}
	set := make(map[string]any, len(typed))
	for i, value := range typed {
		set[s.settings[i].Key] = value
	}
	value, err := form.Build(set)
	if err != nil {
		return nil, fmt.Errorf("pack layer: %w", err)
	}
	return r.Encode(value)
}

// Unpack reads what [Schema.Pack] wrote, as a layer of the given origin.
func (s *Schema) Unpack(r *registry.Registry, data []byte, origin string) (Layer, error) {
	value, err := r.Decode(data)
	if err != nil {
		return Layer{}, fmt.Errorf("unpack layer: %w", err)
	}
	name, err := r.NameOf(value)
	if err != nil {
		return Layer{}, fmt.Errorf("unpack layer: %w", err)
	}
	for _, scope := range scopes() {
		form, err := s.layered(r, scope)
		if err != nil {
			return Layer{}, err
		}
		if form.Name != name {
			continue
		}
		set, err := form.Set(value)
		if err != nil {
			return Layer{}, fmt.Errorf("unpack layer: %w", err)
		}
		l := Layer{Scope: scope, Origin: origin, Set: set}
		if _, problems := s.typed(l); problems != nil {
			return Layer{}, fmt.Errorf("unpack layer: %w", problems)
		}
		return l, nil
	}
	return Layer{}, fmt.Errorf("unpack layer: a %s is no layer of configuration", name)
}

// typed checks what a layer sets: values by the index of their setting.
func (s *Schema) typed(l Layer) (map[int]any, Problems) {
	var problems Problems
	values := make(map[int]any, len(l.Set))
	for _, key := range slices.Sorted(maps.Keys(l.Set)) {
		i, err := s.find(l.Scope, key)
		if err != nil {
			problems = append(problems, Problem{l.where(key), err.Error()})
			continue
		}
		value, err := s.settings[i].check(l.Set[key])
		if err != nil {
			problems = append(problems, Problem{l.where(key), key + ": " + err.Error()})
			continue
		}
		values[i] = value
	}
	return values, problems
}
