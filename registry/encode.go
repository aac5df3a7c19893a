package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// maxDepth bounds how deep values nest, at both ends alike, so that whatever is
// encoded can be decoded.
const maxDepth = 128

// Encode writes a value of a registered struct type, or what a pointer to one
// points to, as {"type":…,"value":…}. Equal values give equal bytes. What
// cannot travel is refused with the path to it.
func (r *Registry) Encode(v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if value.IsValid() && value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() || value.Kind() == reflect.Pointer {
		return nil, fmt.Errorf("encode value: %T is nil", v)
	}
	entry := r.entryOf(value.Type())
	if entry == nil {
		return nil, fmt.Errorf("encode value: %w", notRegistered(value.Type()))
	}
	e := &encoder{registry: r}
	if err := e.typed(entry, value); err != nil {
		return nil, fmt.Errorf("encode %s: %w", entry.name, err)
	}
	return e.out, nil
}

type encoder struct {
	registry *Registry
	out      []byte
	depth    int
	open     map[reference]bool // the pointers, maps and slices being encoded
}

// reference identifies what a pointer, map or slice refers to.
type reference struct {
	to     unsafe.Pointer
	length int
	goType reflect.Type
}

// inside encodes what v refers to, unless that is already being encoded.
func (e *encoder) inside(v reflect.Value, encode func() error) error {
	ref := reference{to: v.UnsafePointer(), goType: v.Type()}
	if v.Kind() == reflect.Slice {
		ref.length = v.Len()
		if ref.length == 0 {
			return encode() // all empty slices may share one address
		}
	}
	if e.open[ref] {
		return errors.New("a cycle: the value holds itself and cannot travel")
	}
	if e.open == nil {
		e.open = map[reference]bool{}
	}
	e.open[ref] = true
	defer delete(e.open, ref)
	return encode()
}

func (e *encoder) deeper(encode func() error) error {
	if e.depth++; e.depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { e.depth-- }()
	return encode()
}

func (e *encoder) write(s string) { e.out = append(e.out, s...) }

func (e *encoder) string(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("text %q is not UTF-8 and cannot travel", shorten(s))
	}
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' && s[i] != '<' && s[i] != '>' && s[i] != '&'
	}
	if plain { // nearly every string; the same bytes as below
		e.out = append(append(append(e.out, '"'), s...), '"')
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	e.out = append(e.out, text...)
	return nil
}

func (e *encoder) typed(entry *entry, v reflect.Value) error {
	e.write(`{"type":"` + entry.name + `","value":`)
	if err := e.fields(entry.form, v); err != nil {
		return err
	}
	e.write("}")
	return nil
}

func (e *encoder) fields(s *structForm, v reflect.Value) error {
	return e.deeper(func() error {
		separator := "{"
		for i := range s.fields {
			f := &s.fields[i]
			field := v.FieldByIndex(f.index)
			if f.optional && field.IsZero() {
				continue
			}
			e.write(separator + `"` + f.name + `":`)
			separator = ","
			if err := f.form.encode(e, field); err != nil {
				return at(f.name, err)
			}
		}
		if separator == "{" {
			e.write("{")
		}
		e.write("}")
		return nil
	})
}

func encodeBool(e *encoder, v reflect.Value) error {
	e.out = strconv.AppendBool(e.out, v.Bool())
	return nil
}

func encodeInt(e *encoder, v reflect.Value) error {
	e.out = strconv.AppendInt(e.out, v.Int(), 10)
	return nil
}

func encodeUint(e *encoder, v reflect.Value) error {
	e.out = strconv.AppendUint(e.out, v.Uint(), 10)
	return nil
}

func encodeFloat(e *encoder, v reflect.Value) error {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("the number %v is not finite and cannot travel", f)
	}
	e.out = strconv.AppendFloat(e.out, f, 'g', -1, v.Type().Bits())
	return nil
}

func encodeString(e *encoder, v reflect.Value) error { return e.string(v.String()) }

func encodeBytes(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.write("null")
		return nil
	}
	e.out = append(e.out, '"')
	e.out = base64.StdEncoding.AppendEncode(e.out, v.Bytes())
	e.out = append(e.out, '"')
	return nil
}

func encodeTime(e *encoder, v reflect.Value) error {
	text, err := v.Interface().(time.Time).UTC().MarshalText()
	if err != nil {
		return err
	}
	return e.string(string(text))
}

func encodeMember(e *encoder, v reflect.Value) error {
	m := v.Interface().(*enums.Member)
	if m == nil {
		e.write("null")
		return nil
	}
	if !m.Interned() {
		return fmt.Errorf("%q is a copy of an enumeration member, not the member", m.Name())
	}
	if !e.registry.knows(m.Enumeration()) {
		return fmt.Errorf("enumeration %s is %w", m.Enumeration().Name(), ErrNotRegistered)
	}
	return e.string(m.Qualified())
}

func (r *Registry) encodeInterface(e *encoder, v reflect.Value) error {
	if v.IsNil() {
		e.write("null")
		return nil
	}
	v = v.Elem()
	if v.Kind() == reflect.Pointer {
		return fmt.Errorf("a pointer (%v) in an interface would come back as a value: store the value", v.Type())
	}
	entry := e.registry.entryOf(v.Type())
	if entry == nil {
		return notRegistered(v.Type())
	}
	return e.typed(entry, v)
}

func shorten(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
