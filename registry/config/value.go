package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

var (
	durationType = reflect.TypeFor[Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	closedType   = reflect.TypeFor[enums.Closed]()
)

// kindOf names the type of a setting in a user's words, or refuses the type.
func kindOf(t reflect.Type) (string, error) {
	switch {
	case t == durationType:
		return "duration", nil
	case t == bytesType:
		return "memory", nil
	case t.Implements(closedType) && t.Kind() == reflect.String:
		return strings.Join(vocabulary(t).Names(), "|"), nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true|false", nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "whole number", nil
	case reflect.Float32, reflect.Float64:
		return "number", nil
	case reflect.String:
		return "text", nil
	}
	return "", fmt.Errorf("a setting cannot be a %v, only a scalar", t)
}

func vocabulary(t reflect.Type) *enums.Enumeration {
	return reflect.Zero(t).Interface().(enums.Closed).Vocabulary()
}

// convert turns a scalar, as YAML or a caller gives it, into a value of type t.
// Nothing is guessed: true is no number and 5 no text.
func convert(t reflect.Type, value any) (any, error) {
	given := reflect.ValueOf(value)
	if !given.IsValid() {
		return nil, errors.New("the value is null; leave the setting out to inherit it")
	}
	out := reflect.New(t).Elem()
	text, isText := value.(string)
	switch {
	case t == durationType && given.Type() != t:
		if given.CanInt() && given.Int() == 0 || given.CanUint() && given.Uint() == 0 {
			break
		}
		if !isText {
			text = fmt.Sprint(value)
		}
		d, err := ParseDuration(text)
		if err != nil {
			return nil, err
		}
		out.SetInt(int64(d))
	case t == bytesType && isText:
		b, err := ParseBytes(text)
		if err != nil {
			return nil, err
		}
		out.SetInt(int64(b))
	case t.Implements(closedType) && given.Kind() == reflect.String:
		if _, err := vocabulary(t).Member(given.String()); err != nil {
			return nil, enums.Unknown("value", given.String(), vocabulary(t).Names())
		}
		out.SetString(given.String())
	default:
		if err := assign(out, given); err != nil {
			return nil, err
		}
	}
	return out.Interface(), nil
}

func assign(out, given reflect.Value) error {
	kind, err := kindOf(out.Type())
	if err != nil {
		return err
	}
	refuse := func() error {
		return fmt.Errorf("%s is not a %s", describe(given), kind)
	}
	switch {
	case out.Kind() == reflect.Bool && given.Kind() == reflect.Bool:
		out.SetBool(given.Bool())
	case out.CanInt() && given.CanInt() && !out.OverflowInt(given.Int()):
		out.SetInt(given.Int())
	case out.CanInt() && given.CanUint() && given.Uint() <= math.MaxInt64 && !out.OverflowInt(int64(given.Uint())):
		out.SetInt(int64(given.Uint()))
	case out.CanFloat():
		var f float64
		switch {
		case given.CanFloat():
			f = given.Float()
		case given.CanInt():
			f = float64(given.Int())
		case given.CanUint():
			f = float64(given.Uint())
		default:
			return refuse()
		}
		if math.IsNaN(f) || math.IsInf(f, 0) || out.Kind() == reflect.Float32 && math.IsInf(float64(float32(f)), 0) {
			return fmt.Errorf("%v is out of range", f)
		}
		out.SetFloat(f)
	case out.Kind() == reflect.String && given.Kind() == reflect.String:
		if !utf8.ValidString(given.String()) {
			return errors.New("the text is not UTF-8")
		}
		out.SetString(given.String())
	case out.Kind() == reflect.String:
		return fmt.Errorf("%w: put it in quotes", refuse())
	default:
		return refuse()
	}
	return nil
}

func describe(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(clip(v.String()))
	case reflect.Map, reflect.Slice, reflect.Struct, reflect.Array, reflect.Pointer:
		return "a " + v.Kind().String()
	}
	return clip(fmt.Sprint(v.Interface()))
}

// textOf is the text form of a setting's value: for people, and inside YAML.
func textOf(value any) string {
	switch v := reflect.ValueOf(value); {
	case v.CanFloat():
		text := strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
		// It is read as 64 bits first; a short 32-bit form could round twice.
		if f, err := strconv.ParseFloat(text, 64); v.Kind() == reflect.Float32 && (err != nil || float64(float32(f)) != v.Float()) {
			text = strconv.FormatFloat(v.Float(), 'g', -1, 64)
		}
		if !strings.ContainsAny(text, ".e") {
			text += ".0" // a float stays one, and keeps the sign of its zero
		}
		return text
	case v.Kind() == reflect.String:
		return v.String()
	}
	return fmt.Sprint(value)
}

// fromText reads a text form, as a flag or a tag gives it.
func fromText(t reflect.Type, text string) (any, error) {
	if t.Kind() == reflect.String || t == durationType || t == bytesType {
		return convert(t, text)
	}
	switch t.Kind() {
	case reflect.Bool:
		if text == "true" || text == "false" {
			return convert(t, text == "true")
		}
	case reflect.Float32, reflect.Float64:
		if f, err := strconv.ParseFloat(text, t.Bits()); err == nil {
			return convert(t, f)
		}
	default:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return convert(t, n)
		}
	}
	return convert(t, text) // refused, in the usual words
}

// below reports whether a < b for two numbers of one type.
func below(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.CanFloat() {
		return x.Float() < y.Float()
	}
	return x.CanInt() && x.Int() < y.Int()
}
