package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// reader takes typed fields out of a message and keeps the first thing that
// is wrong. A field that is missing comes before one that is empty, as
// existing servers check in that order.
type reader struct {
	fields map[string]any
	wrong  *Invalid // missing or of another type
	empty  *Invalid // there, but without content
}

// err is the outcome of everything that was read.
func (r *reader) err() error {
	switch {
	case r.wrong != nil:
		return r.wrong
	case r.empty != nil:
		return r.empty
	}
	return nil
}

func (r *reader) fail(e *Invalid) {
	if r.wrong == nil {
		r.wrong = e
	}
}

// get returns an optional field; None counts as absent.
func (r *reader) get(name string) (any, bool) {
	value := r.fields[name]
	return value, value != nil
}

func mismatch(name, want string, got any) *Invalid {
	return Invalidf("Invalid field: '%s' must be %s, not %s", name, want, kind(got))
}

func (r *reader) requiredText(name string) string {
	if _, ok := r.fields[name]; !ok {
		r.fail(Invalidf("Missing field: '%s'", name))
		return ""
	}
	text := r.text(name)
	if text == "" && r.empty == nil {
		r.empty = Invalidf("Missing required field: %s", name)
	}
	return text
}

func (r *reader) text(name string) string {
	value, ok := r.get(name)
	if !ok {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		r.fail(mismatch(name, "text", value))
	}
	if strings.ContainsRune(text, 0) {
		r.fail(Invalidf("Invalid field: '%s' must not contain zero bytes", name))
	}
	return text
}

// name reads a short text: an id, a path, an address. What is kept and repeated
// in replies, events and logs has to be bounded; file and pipeline texts are not
// repeated and are bounded by the message.
func (r *reader) name(name string, limit int) string {
	return r.atMost(name, r.text(name), limit)
}

func (r *reader) requiredName(name string, limit int) string {
	return r.atMost(name, r.requiredText(name), limit)
}

func (r *reader) atMost(name, text string, limit int) string {
	if len(text) > limit {
		r.fail(Invalidf("Invalid field: '%s' must have at most %d bytes, not %d", name, limit, len(text)))
	}
	return text
}

// uuid reads an id that the sender made, in the usual form of 36 characters.
func (r *reader) uuid(name string) string {
	text := r.text(name)
	if id, err := uuid.Parse(text); text != "" && (err != nil || id.String() != text) {
		r.fail(Invalidf("Invalid field: '%s' must be a UUID in lower case, not %s", name, shorten(text)))
	}
	return text
}

func (r *reader) bool(name string) *bool {
	value, ok := r.get(name)
	if !ok {
		return nil
	}
	b, ok := value.(bool)
	if !ok {
		r.fail(mismatch(name, "true or false", value))
	}
	return &b
}

func (r *reader) flag(name string, missing bool) bool {
	if b := r.bool(name); b != nil {
		return *b
	}
	return missing
}

// int reads a whole number in [low, high].
func (r *reader) int(name string, low, high int) *int {
	value, ok := r.get(name)
	if !ok {
		return nil
	}
	var n int64
	switch v := value.(type) {
	case int64:
		n = v
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			r.fail(mismatch(name, "a whole number", value))
			return nil
		}
		n = int64(v)
	default:
		r.fail(mismatch(name, "a whole number", value))
		return nil
	}
	if n < int64(low) || n > int64(high) {
		r.fail(Invalidf("Invalid field: '%s' must be between %d and %d, not %d", name, low, high, n))
		return nil
	}
	result := int(n)
	return &result
}

func (r *reader) intOr(name string, low, high, missing int) int {
	if n := r.int(name, low, high); n != nil {
		return *n
	}
	return missing
}

func (r *reader) dict(name string) map[string]any {
	value, ok := r.get(name)
	if !ok {
		return nil
	}
	entries, ok := value.(map[string]any)
	if !ok {
		r.fail(mismatch(name, "a dict", value))
	}
	return entries
}

// wells reads a well filter: text, the number of first wells, or a list.
func (r *reader) wells(name string) string {
	value, ok := r.get(name)
	if !ok {
		return ""
	}
	switch v := value.(type) {
	case string:
		return r.atMost(name, v, maxFilter)
	case int64:
		if v > 0 {
			return strconv.FormatInt(v, 10)
		}
	case []any:
		wells := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				r.fail(mismatch(fmt.Sprintf("%s[%d]", name, i), "text", item))
				return ""
			}
			wells[i] = text
		}
		return r.atMost(name, strings.Join(wells, ","), maxFilter)
	}
	r.fail(mismatch(name, "text, a list of wells or the number of first wells", value))
	return ""
}

// kind names the type of a decoded value, for error texts.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "none"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	case map[string]any:
		return "a dict"
	default:
		return fmt.Sprintf("%T", value)
	}
}
