package registry

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Layered is the layered form of a registered type: the same fields, each of
// which may be unset, and fields injected into it. A layer of configuration is
// a value of it, and travels under its own stable name.
type Layered struct {
	Name   string // "wellhouse.config.LayeredGlobalConfig"
	Of     string // "wellhouse.config.GlobalConfig"
	goType reflect.Type
	fields []layeredField
}

type layeredField struct {
	name    string
	section *Layered // of a nested or injected struct; else nil
}

// Injected is a field that a layered form gets beyond those of its type.
type Injected struct {
	Field string // the name it travels under
	Type  string // the registered name of its struct type, in that type's home
}

// LayeredName returns the name of a type's layered form: in the home package of
// the type itself, whoever asks for the form and however it is made.
func LayeredName(of string) string {
	dot := strings.LastIndexByte(of, '.') + 1
	return of[:dot] + "Layered" + of[dot:]
}

// RegisterLayered makes and registers the layered form of a registered type, of
// the struct types in its fields, and of the types of the injected fields. All
// of them, and the aliases, are named by [LayeredName]. The same again returns
// an equal form; the same type with other injected fields is refused.
func (r *Registry) RegisterLayered(of string, injected ...Injected) (*Layered, error) {
	l, err := r.registerLayered(of, injected, nil)
	if err != nil {
		return nil, fmt.Errorf("register layered form of %s: %w", of, err)
	}
	return l, nil
}

func (r *Registry) registerLayered(of string, injected []Injected, above []string) (*Layered, error) {
	if slices.Contains(above, of) {
		return nil, fmt.Errorf("type %s holds itself and has no layered form", of)
	}
	above = append(slices.Clone(above), of)
	e, err := r.lookUp(of)
	if err != nil {
		return nil, err
	}
	l := &Layered{Name: LayeredName(e.name), Of: e.name}
	var fields []reflect.StructField
	add := func(name, unit string, t reflect.Type, section *Layered) error {
		if slices.ContainsFunc(l.fields, func(f layeredField) bool { return f.name == name }) {
			return at(name, errors.New("injected over a field of that name"))
		}
		tag := fmt.Sprintf(`json:"%s,omitempty" unit:%q`, name, unit)
		if len(fields) == 0 {
			// Go makes equal field lists one type; the home's name keeps forms apart.
			tag += fmt.Sprintf(" layered:%q", e.name)
		}
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("Field%d", len(fields)), Type: t, Tag: reflect.StructTag(tag),
		})
		l.fields = append(l.fields, layeredField{name: name, section: section})
		return nil
	}
	for _, f := range e.form.fields {
		t := e.goType.FieldByIndex(f.index).Type
		held := r.entryOf(t)
		switch {
		case held != nil:
			section, err := r.registerLayered(held.name, nil, above)
			if err != nil {
				return nil, at(f.name, err)
			}
			err = add(f.name, f.unit, reflect.PointerTo(section.goType), section)
			if err != nil {
				return nil, err
			}
		case nillable(t): // nil is unset already
			err = add(f.name, f.unit, t, nil)
		default:
			err = add(f.name, f.unit, reflect.PointerTo(t), nil)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, in := range injected {
		if !isName(in.Field) || strings.Contains(in.Field, ".") {
			return nil, fmt.Errorf("%q is not a field's name", in.Field)
		}
		section, err := r.registerLayered(in.Type, nil, above)
		if err != nil {
			return nil, at(in.Field, err)
		}
		if err := add(in.Field, "", reflect.PointerTo(section.goType), section); err != nil {
			return nil, err
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("it has no fields")
	}
	l.goType = reflect.StructOf(fields)
	aliases := make([]string, len(e.aliases))
	for i, a := range e.aliases {
		aliases[i] = LayeredName(a)
	}
	return l, r.register(l.Name, l.goType, aliases)
}

func nillable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface, reflect.Pointer:
		return true
	}
	return false
}

// Keys returns the dotted names of the form's fields, in order.
func (l *Layered) Keys() []string {
	var keys []string
	for _, f := range l.fields {
		if f.section == nil {
			keys = append(keys, f.name)
			continue
		}
		for _, key := range f.section.Keys() {
			keys = append(keys, f.name+"."+key)
		}
	}
	return keys
}

// Build returns a value of the form, ready to encode, with the fields of the
// given dotted names set and all others unset. Values have the fields' types.
func (l *Layered) Build(set map[string]any) (any, error) {
	v := reflect.New(l.goType).Elem()
	for key, value := range set {
		if err := l.put(v, key, value); err != nil {
			return nil, fmt.Errorf("build %s: %w", l.Name, err)
		}
	}
	return v.Interface(), nil
}

func (l *Layered) put(v reflect.Value, key string, value any) error {
	first, rest, nested := strings.Cut(key, ".")
	i := slices.IndexFunc(l.fields, func(f layeredField) bool { return f.name == first })
	if i < 0 || nested != (l.fields[i].section != nil) {
		return enums.Unknown("field", key, l.Keys())
	}
	field := v.Field(i)
	if section := l.fields[i].section; section != nil {
		if field.IsNil() {
			field.Set(reflect.New(section.goType))
		}
		if err := section.put(field.Elem(), rest, value); err != nil {
			return at(first, err)
		}
		return nil
	}
	given, t := reflect.ValueOf(value), field.Type()
	if t.Kind() == reflect.Pointer && given.IsValid() && given.Type() == t.Elem() {
		p := reflect.New(t.Elem())
		p.Elem().Set(given)
		field.Set(p)
		return nil
	}
	if !given.IsValid() || !given.Type().AssignableTo(t) {
		return at(first, fmt.Errorf("a %T does not fit %v", value, t))
	}
	field.Set(given)
	return nil
}

// Set returns the dotted names and the values of what is set in a value of the
// form: the inverse of [Layered.Build].
func (l *Layered) Set(value any) (map[string]any, error) {
	v := reflect.ValueOf(value)
	if !v.IsValid() || v.Type() != l.goType {
		return nil, fmt.Errorf("read %s: the value is a %T", l.Name, value)
	}
	set := map[string]any{}
	l.collect(v, "", set)
	return set, nil
}

func (l *Layered) collect(v reflect.Value, prefix string, set map[string]any) {
	for i, f := range l.fields {
		field := v.Field(i)
		switch {
		case field.IsNil():
		case f.section != nil:
			f.section.collect(field.Elem(), prefix+f.name+".", set)
		case field.Kind() == reflect.Pointer:
			set[prefix+f.name] = field.Elem().Interface()
		default:
			set[prefix+f.name] = field.Interface()
		}
	}
}
