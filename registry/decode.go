package registry

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Decode reads what [Registry.Encode] wrote and returns a value of the
// registered type. It is strict (see the package comment) and never executes,
// allocates or recurses beyond what the bytes themselves account for.
func (r *Registry) Decode(data []byte) (any, error) {
	d := &decoder{scanner: scanner{data: data}, registry: r}
	v, err := d.typed()
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, fmt.Errorf("decode value: %w", err)
	}
	return v.Interface(), nil
}

// DecodeAs decodes a value that must be of type T.
func DecodeAs[T any](r *Registry, data []byte) (T, error) {
	var zero T
	v, err := r.Decode(data)
	if err != nil {
		return zero, err
	}
	t, ok := v.(T)
	if !ok {
		got, _ := r.NameOf(v)
		want, err := r.NameOf(zero)
		if err != nil {
			want = reflect.TypeFor[T]().String()
		}
		return zero, fmt.Errorf("decode value: it is a %s, want a %s", got, want)
	}
	return t, nil
}

type decoder struct {
	scanner
	registry *Registry
	depth    int
}

// typed reads {"type":…,"value":…}.
func (d *decoder) typed() (reflect.Value, error) {
	var (
		entry *entry
		v     reflect.Value
	)
	err := d.members(func(key string) error {
		switch {
		case key == "type" && entry == nil:
			name, err := d.string()
			if err != nil {
				return at("type", err)
			}
			entry, err = d.registry.lookUp(name)
			return err
		case key == "value" && entry == nil:
			return errors.New("the type is missing before the value")
		case key == "value" && !v.IsValid():
			v = reflect.New(entry.goType).Elem()
			return d.fields(entry.form, v)
		case key == "type" || key == "value":
			return at(key, errors.New("given twice"))
		default:
			return enums.Unknown("key of a typed value", key, []string{"type", "value"})
		}
	})
	switch {
	case err != nil:
		return reflect.Value{}, err
	case entry == nil:
		return reflect.Value{}, errors.New("the type is missing")
	case !v.IsValid():
		return reflect.Value{}, fmt.Errorf("the value of the %s is missing", entry.name)
	}
	return v, nil
}

func (d *decoder) fields(s *structForm, v reflect.Value) error {
	seen := make([]bool, len(s.fields))
	err := d.deeper(func() error {
		return d.members(func(name string) error {
			i, ok := s.byName[name]
			switch {
			case !ok:
				return enums.Unknown("field", name, s.names())
			case seen[i]:
				return at(name, errors.New("given twice"))
			}
			seen[i] = true
			if err := s.fields[i].form.decode(d, v.FieldByIndex(s.fields[i].index)); err != nil {
				return at(name, err)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for i, f := range s.fields {
		if !seen[i] && !f.optional {
			return at(f.name, errors.New("missing"))
		}
	}
	return nil
}

func (s *structForm) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// members calls read at the value of each member of an object. The caller
// counts the depth: a typed value's envelope is no level of its own.
func (d *decoder) members(read func(key string) error) error {
	if err := d.expect('{', "an object"); err != nil {
		return err
	}
	if d.accept('}') {
		return nil
	}
	for {
		key, err := d.string()
		if err != nil {
			return err
		}
		if err := d.expect(':', "':'"); err != nil {
			return err
		}
		if err := read(key); err != nil {
			return err
		}
		if !d.accept(',') {
			return d.expect('}', "',' or '}'")
		}
	}
}

// elements calls read at each element of an array.
func (d *decoder) elements(read func(i int) error) error {
	return d.deeper(func() error {
		if err := d.expect('[', "an array"); err != nil {
			return err
		}
		if d.accept(']') {
			return nil
		}
		for i := 0; ; i++ {
			if err := read(i); err != nil {
				return atIndex(i, err)
			}
			if !d.accept(',') {
				return d.expect(']', "',' or ']'")
			}
		}
	})
}

func (d *decoder) deeper(read func() error) error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { d.depth-- }()
	return read()
}

func decodeBool(d *decoder, v reflect.Value) error {
	switch {
	case d.literal("true"):
		v.SetBool(true)
	case d.literal("false"):
		v.SetBool(false)
	default:
		return d.unexpected("true or false")
	}
	return nil
}

func decodeInt(d *decoder, v reflect.Value) error {
	text, err := d.number()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err != nil {
		return fmt.Errorf("the number %s is no %v", shorten(text), v.Type().Kind())
	}
	v.SetInt(n)
	return nil
}

func decodeUint(d *decoder, v reflect.Value) error {
	text, err := d.number()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(text, 10, v.Type().Bits())
	if err != nil {
		return fmt.Errorf("the number %s is no %v", shorten(text), v.Type().Kind())
	}
	v.SetUint(n)
	return nil
}

func decodeFloat(d *decoder, v reflect.Value) error {
	text, err := d.number()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(text, v.Type().Bits())
	if err != nil {
		return fmt.Errorf("the number %s is no %v", shorten(text), v.Type().Kind())
	}
	v.SetFloat(f)
	return nil
}

func decodeString(d *decoder, v reflect.Value) error {
	s, err := d.string()
	if err != nil {
		return err
	}
	v.SetString(s)
	return nil
}

func decodeBytes(d *decoder, v reflect.Value) error {
	if d.null() {
		return nil
	}
	s, err := d.string()
	if err != nil {
		return err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || bytes.ContainsAny([]byte(s), "\r\n") {
		return errors.New("the bytes are not base64")
	}
	v.SetBytes(b)
	return nil
}

func decodeTime(d *decoder, v reflect.Value) error {
	s, err := d.string()
	if err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("%q is not a time in RFC 3339", shorten(s))
	}
	v.Set(reflect.ValueOf(t.UTC()))
	return nil
}

func decodeMember(d *decoder, v reflect.Value) error {
	if d.null() {
		return nil
	}
	s, err := d.string()
	if err != nil {
		return err
	}
	m, err := enums.Lookup(s)
	if err != nil {
		return err
	}
	if !d.registry.knows(m.Enumeration()) {
		return fmt.Errorf("enumeration %s is %w", m.Enumeration().Name(), ErrNotRegistered)
	}
	v.Set(reflect.ValueOf(m))
	return nil
}

func (r *Registry) decodeInterface(d *decoder, v reflect.Value) error {
	if d.null() {
		return nil
	}
	value, err := d.typed()
	if err != nil {
		return err
	}
	if !value.Type().AssignableTo(v.Type()) {
		name, _ := r.NameOf(value.Interface())
		return fmt.Errorf("a %s does not fit here: it lacks the methods of %v", name, v.Type())
	}
	v.Set(value)
	return nil
}
