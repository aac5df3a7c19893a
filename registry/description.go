package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Description lists everything a registry gives a meaning to. It is plain data
// with JSON tags: a handshake carries it, and "supervisor types" prints it.
type Description struct {
	Types        []TypeDescription        `json:"types"`        // by name
	Enumerations []EnumerationDescription `json:"enumerations"` // by name
}

// TypeDescription describes a registered type.
type TypeDescription struct {
	Name    string             `json:"name"`
	Aliases []string           `json:"aliases,omitempty"`
	Fields  []FieldDescription `json:"fields"` // in the order of declaration
}

// FieldDescription describes a field as it travels. Type is "float64",
// "[]string", "enum wellhouse.enums.Role", "map[string]wellhouse.plate.Image" …
type FieldDescription struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Unit     string `json:"unit,omitempty"` // "px", "µm"; part of a field's meaning
}

// EnumerationDescription describes an enumeration; members in their order.
type EnumerationDescription struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// Description describes everything registered so far.
func (r *Registry) Description() Description {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.describe()
}

// describe is Description; the caller holds the lock.
func (r *Registry) describe() Description {
	d := Description{Types: []TypeDescription{}, Enumerations: []EnumerationDescription{}}
	for _, name := range r.names() {
		e := r.byName[name]
		t := TypeDescription{Name: name, Aliases: slices.Clone(e.aliases), Fields: []FieldDescription{}}
		for _, f := range e.form.fields {
			t.Fields = append(t.Fields, FieldDescription{
				Name: f.name, Type: f.form.description, Optional: f.optional, Unit: f.unit,
			})
		}
		d.Types = append(d.Types, t)
	}
	for _, name := range slices.Sorted(maps.Keys(r.enumerations)) {
		d.Enumerations = append(d.Enumerations, EnumerationDescription{Name: name, Members: r.enumerations[name].Names()})
	}
	return d
}

// Fingerprint returns the fingerprint of [Registry.Description].
func (r *Registry) Fingerprint() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.fingerprint == "" {
		r.fingerprint = r.describe().Fingerprint()
	}
	return r.fingerprint
}

// Fingerprint returns the SHA-256, in hexadecimal, of everything in the
// description. Two processes with one fingerprint mean the same by every name.
func (d Description) Fingerprint() string {
	// Not encoding/json: every worker computes this at its start, and finding
	// out by reflection how to write four types takes ten times as long.
	var text []byte
	list := func(words ...string) {
		text = strconv.AppendInt(text, int64(len(words)), 10)
		for _, word := range words {
			text = strconv.AppendQuote(text, word)
		}
	}
	for _, t := range d.Types {
		list("type", t.Name)
		list(t.Aliases...)
		for _, f := range t.Fields {
			list("field", f.Name, f.Type, f.Unit, strconv.FormatBool(f.Optional))
		}
	}
	for _, e := range d.Enumerations {
		list("enumeration", e.Name)
		list(e.Members...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Differences says, one sentence each, what two descriptions disagree on; it is
// empty exactly when their fingerprints are equal.
func Differences(mine, theirs Description) []string {
	if mine.Fingerprint() == theirs.Fingerprint() {
		return nil
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	mineTypes := index(mine.Types, func(t TypeDescription) string { return t.Name })
	theirTypes := index(theirs.Types, func(t TypeDescription) string { return t.Name })
	for _, name := range union(mineTypes, theirTypes) {
		a, here := mineTypes[name]
		b, there := theirTypes[name]
		switch {
		case !there:
			say("type %s is missing on the other side%s", name, meant(name, theirTypes))
		case !here:
			say("type %s is known on the other side only%s", name, meant(name, mineTypes))
		default:
			differentTypes(a, b, say)
		}
	}

	mineEnums := index(mine.Enumerations, func(e EnumerationDescription) string { return e.Name })
	theirEnums := index(theirs.Enumerations, func(e EnumerationDescription) string { return e.Name })
	for _, name := range union(mineEnums, theirEnums) {
		a, here := mineEnums[name]
		b, there := theirEnums[name]
		switch {
		case !there:
			say("enumeration %s is missing on the other side", name)
		case !here:
			say("enumeration %s is known on the other side only", name)
		default:
			differentLists("enumeration "+name, "member", a.Members, b.Members, say)
		}
	}
	if len(out) == 0 {
		say("the descriptions differ in the order of their entries") // not from this package
	}
	return out
}

func differentTypes(a, b TypeDescription, say func(string, ...any)) {
	differentLists("type "+a.Name, "alias", a.Aliases, b.Aliases, say)
	name := func(f FieldDescription) string { return f.Name }
	differentLists("type "+a.Name, "field", names(a.Fields, name), names(b.Fields, name), say)
	theirs := index(b.Fields, name)
	for _, f := range a.Fields {
		g, ok := theirs[f.Name]
		if !ok {
			continue
		}
		if f.Type != g.Type {
			say("type %s: field %s is %s here and %s there", a.Name, f.Name, f.Type, g.Type)
		}
		if f.Unit != g.Unit {
			say("type %s: field %s is in %q here and in %q there", a.Name, f.Name, f.Unit, g.Unit)
		}
		if f.Optional != g.Optional {
			say("type %s: field %s may be left out on one side only", a.Name, f.Name)
		}
	}
}

func differentLists(what, item string, a, b []string, say func(string, ...any)) {
	same := true
	for _, x := range a {
		if !slices.Contains(b, x) {
			say("%s: %s %s is missing on the other side", what, item, x)
			same = false
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			say("%s: %s %s is known on the other side only", what, item, x)
			same = false
		}
	}
	if same && !slices.Equal(a, b) {
		say("%s: the order is %s here and %s there", what, strings.Join(a, ", "), strings.Join(b, ", "))
	}
}

// meant adds the name that a differently spelt one probably stands for.
func meant[T any](name string, among map[string]T) string {
	if near := enums.Nearest(name, slices.Sorted(maps.Keys(among))); near != "" {
		return " (it has " + near + ")"
	}
	return ""
}

func names[T any](items []T, name func(T) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = name(item)
	}
	return out
}

func index[T any](items []T, name func(T) string) map[string]T {
	out := make(map[string]T, len(items))
	for _, item := range items {
		out[name(item)] = item
	}
	return out
}

func union[T any](a, b map[string]T) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
