package registry

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func closedForm(vocabulary *enums.Enumeration) form {
	check := func(name string) error {
		_, err := vocabulary.Member(name)
		return err
	}
	return form{
		description: "enum " + vocabulary.Name(),
		encode: func(e *encoder, v reflect.Value) error {
			if err := check(v.String()); err != nil {
				return err
			}
			return e.string(v.String())
		},
		decode: func(d *decoder, v reflect.Value) error {
			s, err := d.string()
			if err != nil {
				return err
			}
			if err := check(s); err != nil {
				return err
			}
			v.SetString(s)
			return nil
		},
	}
}

func structReference(held *entry) form {
	return form{
		description: held.name,
		encode:      func(e *encoder, v reflect.Value) error { return e.fields(held.form, v) },
		decode:      func(d *decoder, v reflect.Value) error { return d.fields(held.form, v) },
	}
}

func pointerForm(elem form) form {
	return form{
		description: "*" + elem.description,
		encode: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.write("null")
				return nil
			}
			return e.inside(v, func() error { return elem.encode(e, v.Elem()) })
		},
		decode: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			v.Set(reflect.New(v.Type().Elem()))
			return elem.decode(d, v.Elem())
		},
	}
}

func sliceForm(elem form) form {
	return form{
		description: "[]" + elem.description,
		encode: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.write("null")
				return nil
			}
			return e.inside(v, func() error { return e.elements(elem, v) })
		},
		decode: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return d.elements(func(i int) error {
				if i == v.Cap() {
					v.Grow(1)
				}
				v.SetLen(i + 1)
				return elem.decode(d, v.Index(i))
			})
		},
	}
}

func arrayForm(elem form, length int) form {
	return form{
		description: "[" + strconv.Itoa(length) + "]" + elem.description,
		encode:      func(e *encoder, v reflect.Value) error { return e.elements(elem, v) },
		decode: func(d *decoder, v reflect.Value) error {
			n := 0
			err := d.elements(func(i int) error {
				if n++; i == length {
					return fmt.Errorf("more than %d elements", length)
				}
				return elem.decode(d, v.Index(i))
			})
			if err == nil && n != length {
				err = fmt.Errorf("%d elements, want %d", n, length)
			}
			return err
		},
	}
}

func (e *encoder) elements(elem form, v reflect.Value) error {
	return e.deeper(func() error {
		e.write("[")
		for i := range v.Len() {
			if i > 0 {
				e.write(",")
			}
			if err := elem.encode(e, v.Index(i)); err != nil {
				return atIndex(i, err)
			}
		}
		e.write("]")
		return nil
	})
}

func mapForm(keyType reflect.Type, key, elem form) form {
	return form{
		description: "map[" + key.description + "]" + elem.description,
		encode: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.write("null")
				return nil
			}
			return e.inside(v, func() error { return e.entries(key, elem, v) })
		},
		decode: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			v.Set(reflect.MakeMap(v.Type()))
			return d.deeper(func() error {
				return d.members(func(name string) error {
					k := reflect.ValueOf(name).Convert(keyType)
					if err := checkKey(d.registry, key, k); err != nil {
						return atKey(name, err)
					}
					if v.MapIndex(k).IsValid() {
						return atKey(name, errors.New("given twice"))
					}
					value := reflect.New(v.Type().Elem()).Elem()
					if err := elem.decode(d, value); err != nil {
						return atKey(name, err)
					}
					v.SetMapIndex(k, value)
					return nil
				})
			})
		},
	}
}

// checkKey holds a map's key to its own form, so that a key of a vocabulary is
// checked like a value of it.
func checkKey(r *Registry, key form, k reflect.Value) error {
	return key.encode(&encoder{registry: r}, k)
}

func (e *encoder) entries(key, elem form, v reflect.Value) error {
	return e.deeper(func() error {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		e.write("{")
		for i, k := range keys {
			if i > 0 {
				e.write(",")
			}
			if err := key.encode(e, k); err != nil {
				return atKey(k.String(), err)
			}
			e.write(":")
			if err := elem.encode(e, v.MapIndex(k)); err != nil {
				return atKey(k.String(), err)
			}
		}
		e.write("}")
		return nil
	})
}
