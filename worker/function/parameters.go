package function

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Parameter documents one parameter of a function, as `supervisor functions`
// prints it and as DecodeParameters enforces it.
type Parameter struct {
	Name    string
	Type    string   // "float", "int", "bool", "text", "list of float", "list of int", "list of text"
	Unit    string   // "px", "s", "%", … or ""
	Min     *float64 // smallest value (of every element for lists), nil: none
	Max     *float64
	Choices []string // for text: the only values allowed
	Default any
	Doc     string

	field int
}

// ParameterError says which parameter is wrong and what would be right.
type ParameterError struct {
	Function  string
	Parameter string
	Message   string
}

func (e *ParameterError) Error() string {
	return fmt.Sprintf("%s: parameter %s: %s", e.Function, e.Parameter, e.Message)
}

// checker is implemented by parameter types whose fields depend on each other.
type checker interface {
	check() (parameter, message string)
}

// ParameterList documents the parameters in the order of the struct's fields.
func (d Definition) ParameterList() []Parameter {
	list, _ := d.parameters() // New has checked it
	return list
}

func (d Definition) parameters() ([]Parameter, error) {
	value := reflect.ValueOf(d.Parameters)
	if value.Kind() != reflect.Struct {
		return nil, fmt.Errorf("parameters are %T, want a struct value", d.Parameters)
	}
	list := make([]Parameter, 0, value.NumField())
	for i := range value.NumField() {
		field := value.Type().Field(i)
		p := Parameter{
			Name: strings.Split(field.Tag.Get("json"), ",")[0], Unit: field.Tag.Get("unit"),
			Doc: field.Tag.Get("doc"), Default: value.Field(i).Interface(), field: i,
		}
		var ok bool
		if p.Type, ok = typeName(field.Type); !ok || p.Name == "" {
			return nil, fmt.Errorf("field %s: type %s or its json tag cannot be a parameter", field.Name, field.Type)
		}
		if choices := field.Tag.Get("choices"); choices != "" {
			p.Choices = strings.Split(choices, "|")
		}
		for tag, limit := range map[string]**float64{"min": &p.Min, "max": &p.Max} {
			text := field.Tag.Get(tag)
			if text == "" {
				continue
			}
			bound, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("field %s: tag %s: %w", field.Name, tag, err)
			}
			*limit = &bound
		}
		list = append(list, p)
	}
	return list, nil
}

func typeName(t reflect.Type) (string, bool) {
	switch t.Kind() {
	case reflect.Float64:
		return "float", true
	case reflect.Int:
		return "int", true
	case reflect.Bool:
		return "bool", true
	case reflect.String:
		return "text", true
	case reflect.Slice:
		if element, ok := typeName(t.Elem()); ok && t.Elem().Kind() != reflect.Slice {
			return "list of " + element, true
		}
	}
	return "", false
}

// DecodeParameters lays the values a pipeline sets over the defaults and checks
// them. Values are what YAML or JSON give: bool, any integer or float, string,
// []any. It returns a value of the type of d.Parameters, or a *ParameterError.
func (d Definition) DecodeParameters(set map[string]any) (any, error) {
	list, err := d.parameters()
	if err != nil {
		return nil, fmt.Errorf("decode parameters of %s: %w", d.Name, err)
	}
	out := reflect.New(reflect.TypeOf(d.Parameters)).Elem()
	out.Set(reflect.ValueOf(d.Parameters))
	for _, name := range sortedKeys(set) {
		i := slices.IndexFunc(list, func(p Parameter) bool { return p.Name == name })
		if i < 0 {
			return nil, &ParameterError{d.Name, name, unknownParameter(name, list)}
		}
		field := out.Field(list[i].field)
		fresh := reflect.New(field.Type()).Elem() // never write into a default's slice
		if message := assign(fresh, set[name]); message != "" {
			return nil, &ParameterError{d.Name, name, message}
		}
		field.Set(fresh)
	}
	if err := d.CheckParameters(out.Interface()); err != nil {
		return nil, err
	}
	return out.Interface(), nil
}

// CheckParameters checks type and ranges of a decoded parameter value, as a
// worker does with what came over the wire.
func (d Definition) CheckParameters(parameters any) error {
	if reflect.TypeOf(parameters) != reflect.TypeOf(d.Parameters) {
		return fmt.Errorf("check parameters of %s: got %T, want %T", d.Name, parameters, d.Parameters)
	}
	list, err := d.parameters()
	if err != nil {
		return fmt.Errorf("check parameters of %s: %w", d.Name, err)
	}
	value := reflect.ValueOf(parameters)
	for _, p := range list {
		if message := p.check(value.Field(p.field)); message != "" {
			return &ParameterError{d.Name, p.Name, message}
		}
	}
	if c, ok := parameters.(checker); ok {
		if parameter, message := c.check(); message != "" {
			return &ParameterError{d.Name, parameter, message}
		}
	}
	return nil
}

func (p Parameter) check(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Slice:
		for i := range value.Len() {
			if message := p.check(value.Index(i)); message != "" {
				return fmt.Sprintf("element %d: %s", i+1, message)
			}
		}
	case reflect.Int:
		return p.checkNumber(float64(value.Int()))
	case reflect.Float64:
		return p.checkNumber(value.Float())
	case reflect.String:
		if p.Choices != nil && !slices.Contains(p.Choices, value.String()) {
			return fmt.Sprintf("%q is none of %s", value.String(), strings.Join(p.Choices, ", "))
		}
	}
	return ""
}

func (p Parameter) checkNumber(v float64) string {
	unit := p.Unit
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "must be a finite number"
	case p.Min != nil && v < *p.Min && p.Max != nil, p.Max != nil && v > *p.Max && p.Min != nil:
		return fmt.Sprintf("%v is outside %v to %v%s", v, *p.Min, *p.Max, unit)
	case p.Min != nil && v < *p.Min:
		return fmt.Sprintf("%v is under the smallest value, %v%s", v, *p.Min, unit)
	case p.Max != nil && v > *p.Max:
		return fmt.Sprintf("%v is over the largest value, %v%s", v, *p.Max, unit)
	}
	return ""
}

// assign converts a value from YAML or JSON; it returns what is wrong, or "".
func assign(field reflect.Value, from any) string {
	want, _ := typeName(field.Type())
	wrong := fmt.Sprintf("is %s, want %s", describe(from), want)
	source := reflect.ValueOf(from)
	switch field.Kind() {
	case reflect.Bool, reflect.String:
		if !source.IsValid() || source.Kind() != field.Kind() {
			return wrong
		}
		field.Set(source.Convert(field.Type()))
	case reflect.Int, reflect.Float64:
		number, ok := number(source)
		if !ok || field.Kind() == reflect.Int && (number != math.Trunc(number) || math.Abs(number) > 1<<53) {
			return wrong
		}
		if field.Kind() == reflect.Int {
			field.SetInt(int64(number))
		} else {
			field.SetFloat(number)
		}
	case reflect.Slice:
		if !source.IsValid() || source.Kind() != reflect.Slice {
			return wrong
		}
		field.Set(reflect.MakeSlice(field.Type(), source.Len(), source.Len()))
		for i := range source.Len() {
			if message := assign(field.Index(i), source.Index(i).Interface()); message != "" {
				return fmt.Sprintf("element %d: %s", i+1, message)
			}
		}
	}
	return ""
}

func number(v reflect.Value) (float64, bool) {
	switch {
	case !v.IsValid():
		return 0, false
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "empty"
	case string:
		return fmt.Sprintf("the text %q", v)
	case []any:
		return "a list"
	default:
		return fmt.Sprintf("%v", v)
	}
}

func unknownParameter(name string, list []Parameter) string {
	if len(list) == 0 {
		return "unknown; this function has no parameters"
	}
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return "unknown; did you mean " + strings.Join(enums.NearestFirst(name, names), ", ") + "?"
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
