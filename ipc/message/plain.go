package message

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// plain turns a message into maps, slices and scalars, which both codecs then
// write: so they send the same fields. It follows the json tags of structs
// (name, "-", omitempty, omitzero). A nil slice is an empty list, as Python
// clients iterate without asking; unlike after a detour over JSON, 1.0 is
// still a float.
func plain(value any) (any, error) {
	return plainValue(reflect.ValueOf(value))
}

func plainValue(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Invalid:
		return nil, nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return plainValue(v.Elem())
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d does not fit 64 bits with a sign", v.Uint())
		}
		return int64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice, reflect.Array:
		return plainList(v)
	case reflect.Map:
		return plainMap(v)
	case reflect.Struct:
		entries := map[string]any{}
		return entries, plainFields(v, entries)
	default:
		return nil, fmt.Errorf("a %s cannot be sent", v.Type())
	}
}

func plainList(v reflect.Value) (any, error) {
	items := make([]any, v.Len())
	for i := range items {
		var err error
		if items[i], err = plainValue(v.Index(i)); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func plainMap(v reflect.Value) (any, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("a %s cannot be sent", v.Type())
	}
	entries := make(map[string]any, v.Len())
	for _, key := range v.MapKeys() {
		item, err := plainValue(v.MapIndex(key))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		entries[key.String()] = item
	}
	return entries, nil
}

func plainFields(v reflect.Value, entries map[string]any) error {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" && value.Kind() == reflect.Struct {
			if err := plainFields(value, entries); err != nil {
				return err
			}
			continue
		}
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		if strings.Contains(options, "omitempty") && isEmpty(value) || strings.Contains(options, "omitzero") && value.IsZero() {
			continue
		}
		item, err := plainValue(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		entries[name] = item
	}
	return nil
}

// isEmpty is encoding/json's notion for omitempty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}
