package registry_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

type Limits struct {
	Memory int64    `json:"memory" unit:"B"`
	Names  []string `json:"names"`
}

type Settings struct {
	Position
	Workers int            `json:"workers"`
	Level   enums.LogLevel `json:"level"`
	Limits  Limits         `json:"limits"`
}

// The same fields as Limits: Go would make both layered forms one type.
type Viewer struct {
	Memory int64    `json:"memory" unit:"B"`
	Names  []string `json:"names"`
}

func layeredRegistry(t *testing.T) (*registry.Registry, *registry.Layered) {
	t.Helper()
	r := registry.New()
	for _, err := range []error{
		r.Register("home.config.Limits", Limits{}),
		r.Register("home.config.Settings", Settings{}, "home.old.Options"),
		r.Register("guest.viewer.Viewer", Viewer{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := r.RegisterLayered("home.config.Settings", registry.Injected{Field: "viewer", Type: "guest.viewer.Viewer"})
	if err != nil {
		t.Fatal(err)
	}
	return r, l
}

// The layered form, and the form of a field injected into it, are named after
// the home packages of their types, wherever and however the forms are made.
func TestLayeredFormKeepsTheHomePackagesName(t *testing.T) {
	t.Parallel()
	r, l := layeredRegistry(t)
	want := []string{
		"guest.viewer.LayeredViewer", "guest.viewer.Viewer",
		"home.config.LayeredLimits", "home.config.LayeredSettings", "home.config.Limits", "home.config.Settings",
	}
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("names are %q\nwant %q", got, want)
	}
	v, err := l.Build(map[string]any{"viewer.memory": int64(5), "well": ""})
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Encode(v)
	if want := `{"type":"home.config.LayeredSettings","value":{"well":"","viewer":{"memory":5}}}`; err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
	old, err := r.Decode([]byte(strings.Replace(string(text), "home.config.LayeredSettings", "home.old.LayeredOptions", 1)))
	if err != nil || !reflect.DeepEqual(old, v) {
		t.Errorf("the old name gave %v, %v", old, err)
	}
	for _, x := range r.Description().Types {
		if x.Name != "home.config.LayeredSettings" {
			continue
		}
		var fields []string
		for _, f := range x.Fields {
			fields = append(fields, f.Name+" "+f.Type)
			if !f.Optional {
				t.Errorf("%s cannot be unset", f.Name)
			}
		}
		const want = "well *string; site *string; workers *int; level *enum wellhouse.enums.LogLevel; limits *home.config.LayeredLimits; viewer *guest.viewer.LayeredViewer"
		if got := strings.Join(fields, "; "); got != want {
			t.Errorf("fields are %s\nwant %s", got, want)
		}
	}
}

func TestLayeredKeepsUnsetApartFromZero(t *testing.T) {
	t.Parallel()
	r, l := layeredRegistry(t)
	for _, set := range []map[string]any{
		{},
		{"workers": 0},
		{"workers": 4, "level": enums.LogWarn, "limits.memory": int64(0)},
		{"limits.names": []string{}, "viewer.names": []string{"a"}},
	} {
		v, err := l.Build(set)
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := r.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.Set(back); err != nil || !reflect.DeepEqual(got, set) {
			t.Errorf("%v came back as %v (%v) through %s", set, got, err, text)
		}
	}
}

func TestLayeredRefuses(t *testing.T) {
	t.Parallel()
	r, l := layeredRegistry(t)
	if again, err := r.RegisterLayered("home.config.Settings", registry.Injected{Field: "viewer", Type: "guest.viewer.Viewer"}); err != nil || again.Name != l.Name {
		t.Errorf("the same again: %v", err)
	}
	for name, err := range map[string]error{
		"other injected fields": second(r.RegisterLayered("home.config.Settings")),
		"unknown type":          second(r.RegisterLayered("home.config.Setting")),
		"injected over a field": second(r.RegisterLayered("home.config.Limits", registry.Injected{Field: "memory", Type: "guest.viewer.Viewer"})),
		"injected unknown type": second(r.RegisterLayered("home.config.Limits", registry.Injected{Field: "x", Type: "guest.Viewer"})),
		"injected dotted field": second(r.RegisterLayered("home.config.Limits", registry.Injected{Field: "x.y", Type: "guest.viewer.Viewer"})),
		"injected into itself":  second(r.RegisterLayered("home.config.Limits", registry.Injected{Field: "x", Type: "home.config.Limits"})),
		"unknown field":         second(l.Build(map[string]any{"worker": 1})),
		"a section as a field":  second(l.Build(map[string]any{"limits": Limits{}})),
		"a field as a section":  second(l.Build(map[string]any{"workers.x": 1})),
		"another type":          second(l.Build(map[string]any{"workers": "4"})),
		"nil":                   second(l.Build(map[string]any{"workers": nil})),
		"another value":         second(l.Set(Settings{})),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	tree := newRegistry(t)
	if _, err := tree.RegisterLayered("test.Task"); err != nil {
		t.Errorf("a type that holds itself in a list: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
