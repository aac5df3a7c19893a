package function

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Catalogue is an immutable set of functions by name.
type Catalogue struct {
	definitions []Definition // sorted by name
}

// New makes a catalogue. It refuses a name used twice, parameters that are not
// a struct value, and a definition without Apply.
func New(definitions ...Definition) (*Catalogue, error) {
	c := &Catalogue{definitions: slices.Clone(definitions)}
	slices.SortFunc(c.definitions, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	for i, d := range c.definitions {
		switch {
		case d.Name == "" || d.Apply == nil || d.Version < 1:
			return nil, fmt.Errorf("define function %q: name, version and apply are required", d.Name)
		case i > 0 && c.definitions[i-1].Name == d.Name:
			return nil, fmt.Errorf("define function %q: the name is taken", d.Name)
		}
		if _, err := d.parameters(); err != nil {
			return nil, fmt.Errorf("define function %q: %w", d.Name, err)
		}
	}
	return c, nil
}

// All returns the functions sorted by name.
func (c *Catalogue) All() []Definition { return slices.Clone(c.definitions) }

// Get finds a function. An unknown name is an *enums.UnknownError, which
// lists the valid names, nearest first.
func (c *Catalogue) Get(name string) (Definition, error) {
	i, found := slices.BinarySearchFunc(c.definitions, name, func(d Definition, n string) int {
		return strings.Compare(d.Name, n)
	})
	if !found {
		names := make([]string, len(c.definitions))
		for i, d := range c.definitions {
			names[i] = d.Name
		}
		return Definition{}, enums.Unknown("function", name, names)
	}
	return c.definitions[i], nil
}

// Registrar is the part of *registry.Registry that a catalogue needs.
type Registrar interface {
	Register(name string, prototype any, aliases ...string) error
}

// Register enters every parameter type as wellhouse.function.<GoTypeName>.
func (c *Catalogue) Register(r Registrar) error {
	for _, d := range c.definitions {
		name := "wellhouse.function." + reflect.TypeOf(d.Parameters).Name()
		if err := r.Register(name, d.Parameters); err != nil {
			return fmt.Errorf("register parameters of %s: %w", d.Name, err)
		}
	}
	return nil
}
