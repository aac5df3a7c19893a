package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// form says how values of one Go type travel: its description and its two
// directions. Forms are made once, when a type is registered.
type form struct {
	description string
	encode      func(*encoder, reflect.Value) error
	decode      func(*decoder, reflect.Value) error
}

// structForm is the form of a struct's fields, embedded ones flattened.
type structForm struct {
	fields []fieldForm
	byName map[string]int
}

type fieldForm struct {
	name     string
	index    []int // as reflect.Value.FieldByIndex takes it
	optional bool  // left out when zero
	unit     string
	form     form
}

var (
	closedType  = reflect.TypeFor[enums.Closed]()
	memberType  = reflect.TypeFor[*enums.Member]()
	timeType    = reflect.TypeFor[time.Time]()
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// compileStruct makes the form of a struct type; the caller holds the lock.
func (r *Registry) compileStruct(t reflect.Type) (*structForm, error) {
	s := &structForm{byName: map[string]int{}}
	if err := r.addFields(s, t, nil); err != nil {
		return nil, err
	}
	for i, f := range s.fields {
		if _, twice := s.byName[f.name]; twice {
			return nil, at(f.name, errors.New("two fields travel under this name"))
		}
		s.byName[f.name] = i
	}
	return s, nil
}

func (r *Registry) addFields(s *structForm, t reflect.Type, index []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		path := append(slices.Clone(index), i)
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct && f.Type != timeType {
			if !f.IsExported() {
				return at(f.Name, errors.New("unexported state cannot travel"))
			}
			if err := r.addFields(s, f.Type, path); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			return at(f.Name, errors.New("unexported state cannot travel"))
		}
		if name == "" {
			name = f.Name
		}
		if name == "-" {
			return at(f.Name, errors.New(`a field tagged json:"-" would be lost on the way`))
		}
		optional := false
		if tagged {
			for _, option := range strings.Split(options, ",") {
				switch option {
				case "omitempty", "omitzero":
					optional = true
				default:
					return at(name, fmt.Errorf("json tag option %q is not supported", option))
				}
			}
		}
		compiled, err := r.compile(f.Type)
		if err != nil {
			return at(name, err)
		}
		s.fields = append(s.fields, fieldForm{
			name: name, index: path, optional: optional, unit: f.Tag.Get("unit"), form: compiled,
		})
	}
	return nil
}

// compile makes the form of any type, or says why its values cannot travel.
func (r *Registry) compile(t reflect.Type) (form, error) {
	switch {
	case t == memberType:
		return form{"member", encodeMember, decodeMember}, nil
	case t == timeType:
		return form{"time", encodeTime, decodeTime}, nil
	case t.Implements(closedType) && t.Kind() == reflect.String:
		e := reflect.Zero(t).Interface().(enums.Closed).Vocabulary()
		if e == nil {
			return form{}, fmt.Errorf("vocabulary %v has no enumeration", t)
		}
		r.enumerations[e.Name()] = e
		return closedForm(e), nil
	}
	// A struct may hold itself by its name; "type S []S" has none to stop at.
	if t.Kind() != reflect.Struct {
		if r.compiling[t] {
			return form{}, fmt.Errorf("type %v holds itself other than through a registered struct", t)
		}
		r.compiling[t] = true
		defer delete(r.compiling, t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return form{"bool", encodeBool, decodeBool}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return form{t.Kind().String(), encodeInt, decodeInt}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return form{t.Kind().String(), encodeUint, decodeUint}, nil
	case reflect.Float32, reflect.Float64:
		return form{t.Kind().String(), encodeFloat, decodeFloat}, nil
	case reflect.String:
		return form{"string", encodeString, decodeString}, nil
	case reflect.Struct:
		if held := r.byType[t]; held != nil {
			return structReference(held), nil
		}
		return form{}, notRegistered(t)
	case reflect.Pointer:
		if k := t.Elem().Kind(); k == reflect.Pointer || k == reflect.Interface || k == reflect.Map || k == reflect.Slice {
			return form{}, fmt.Errorf("a %v cannot travel: null would mean two things", t)
		}
		elem, err := r.compile(t.Elem())
		if err != nil {
			return form{}, err
		}
		return pointerForm(elem), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return form{"bytes", encodeBytes, decodeBytes}, nil
		}
		elem, err := r.compile(t.Elem())
		if err != nil {
			return form{}, at("[]", err)
		}
		return sliceForm(elem), nil
	case reflect.Array:
		elem, err := r.compile(t.Elem())
		if err != nil {
			return form{}, at("[]", err)
		}
		return arrayForm(elem, t.Len()), nil
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return form{}, fmt.Errorf("a map with keys of type %v cannot travel: keys must be strings", t.Key())
		}
		key, err := r.compile(t.Key())
		if err != nil {
			return form{}, err
		}
		elem, err := r.compile(t.Elem())
		if err != nil {
			return form{}, at("[]", err)
		}
		return mapForm(t.Key(), key, elem), nil
	case reflect.Interface:
		if t == contextType || t == errorType {
			return form{}, fmt.Errorf("a %v is bound to its process and cannot travel", t)
		}
		return form{describeInterface(t), r.encodeInterface, r.decodeInterface}, nil
	default: // func, chan, unsafe.Pointer, uintptr, complex
		return form{}, fmt.Errorf("a %v cannot travel", t)
	}
}

func describeInterface(t reflect.Type) string {
	if t.NumMethod() == 0 {
		return "any"
	}
	methods := make([]string, t.NumMethod())
	for i := range methods {
		methods[i] = t.Method(i).Name
	}
	return "interface{" + strings.Join(methods, ",") + "}"
}
