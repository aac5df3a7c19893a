package registry

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Registry maps stable names to Go types. The zero value is not usable; see
// [New].
type Registry struct {
	mutex        sync.RWMutex
	byName       map[string]*entry // names and aliases
	byType       map[reflect.Type]*entry
	enumerations map[string]*enums.Enumeration
	fingerprint  string                // "" = to be computed
	compiling    map[reflect.Type]bool // while a type is registered: the types above
}

// entry is one registered type.
type entry struct {
	name    string
	aliases []string // sorted
	goType  reflect.Type
	form    *structForm
}

// New returns a registry that knows the closed vocabularies and the microscopy
// components, and no type yet.
func New() *Registry {
	r := &Registry{
		byName:       map[string]*entry{},
		byType:       map[reflect.Type]*entry{},
		enumerations: map[string]*enums.Enumeration{},
		compiling:    map[reflect.Type]bool{},
	}
	for _, e := range enums.Vocabularies() {
		r.enumerations[e.Name()] = e
	}
	c := enums.Microscopy()
	for _, e := range []*enums.Enumeration{c.All, c.Variable, c.GroupBy, c.Sequential} {
		r.enumerations[e.Name()] = e
	}
	return r
}

// Register gives the struct type of prototype, a value, its stable name and the
// old names under which it can still be read. It refuses types that cannot
// travel, naming the path. Struct types of fields must have been registered
// before; embedded ones are flattened and need no name of their own.
// Registering the same again changes nothing; a name or a type that is taken is
// refused.
func (r *Registry) Register(name string, prototype any, aliases ...string) error {
	return r.register(name, reflect.TypeOf(prototype), aliases)
}

func (r *Registry) register(name string, t reflect.Type, aliases []string) error {
	if t == nil || t.Kind() != reflect.Struct {
		return fmt.Errorf("register type %s: the prototype is %v, want a struct value", name, t)
	}
	for _, n := range append([]string{name}, aliases...) {
		if !isName(n) {
			return fmt.Errorf("register type %s: %q is not a name: words of letters, digits and '_' joined by dots", name, n)
		}
	}
	aliases = slices.Compact(slices.Sorted(slices.Values(aliases)))

	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fingerprint = ""
	if held := r.byType[t]; held != nil {
		if held.name == name && slices.Equal(held.aliases, aliases) {
			return nil
		}
		return fmt.Errorf("register type %s: %v is already registered as %s with aliases %q", name, t, held.name, held.aliases)
	}
	for _, n := range append([]string{name}, aliases...) {
		if held := r.byName[n]; held != nil {
			return fmt.Errorf("register type %s: the name %s already means %v", name, n, held.goType)
		}
	}
	if slices.Contains(aliases, name) {
		return fmt.Errorf("register type %s: it is its own alias", name)
	}

	e := &entry{name: name, aliases: aliases, goType: t}
	r.byType[t] = e // so that the type may hold itself, as a tree does
	form, err := r.compileStruct(t)
	if err != nil {
		delete(r.byType, t)
		return fmt.Errorf("register type %s: %w", name, err)
	}
	e.form = form
	for _, n := range append([]string{name}, aliases...) {
		r.byName[n] = e
	}
	return nil
}

// RegisterEnumeration lets members of run-time enumerations travel, and adds
// the enumerations to the fingerprint. The microscopy components need not be
// registered.
func (r *Registry) RegisterEnumeration(enumerations ...*enums.Enumeration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fingerprint = ""
	for _, e := range enumerations {
		r.enumerations[e.Name()] = e
	}
}

// NameOf returns the name under which the type of v, or of what v points to, is
// registered.
func (r *Registry) NameOf(v any) (string, error) {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	if e := r.byType[t]; e != nil {
		return e.name, nil
	}
	return "", notRegistered(t)
}

// Names returns the registered names without aliases, sorted.
func (r *Registry) Names() []string {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.names()
}

func (r *Registry) names() []string {
	names := make([]string, 0, len(r.byType))
	for _, e := range r.byType {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

func (r *Registry) lookUp(name string) (*entry, error) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	if e := r.byName[name]; e != nil {
		return e, nil
	}
	return nil, enums.Unknown("type", name, slices.Sorted(maps.Keys(r.byName)))
}

func (r *Registry) entryOf(t reflect.Type) *entry {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.byType[t]
}

func (r *Registry) knows(e *enums.Enumeration) bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.enumerations[e.Name()] == e
}

// ErrNotRegistered is wrapped by every refusal of a type without a name.
var ErrNotRegistered = errors.New("not registered")

func notRegistered(t reflect.Type) error {
	return fmt.Errorf("type %v is %w; register it first under a stable name", t, ErrNotRegistered)
}

func isName(name string) bool {
	for _, word := range strings.Split(name, ".") {
		if word == "" || strings.ContainsFunc(word, func(c rune) bool {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			return !letter && (c < '0' || c > '9') && c != '_'
		}) {
			return false
		}
	}
	return true
}
