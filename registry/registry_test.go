package registry_test

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"pgregory.net/rapid"
)

type Gaussian struct {
	Sigma float64 `json:"sigma" unit:"px"`
}

func (Gaussian) Radius() int { return 1 }

type Median struct {
	Radius uint8 `json:"radius"`
}

type Position struct {
	Well string `json:"well"`
	Site string `json:"site,omitempty"`
}

type Image struct {
	Position
	Path string          `json:"path"`
	Type enums.PixelType `json:"type"`
}

type Step struct {
	Name       string        `json:"name"`
	Parameters any           `json:"parameters"`
	Axis       *enums.Member `json:"axis"`
}

type Radiused interface{ Radius() int }

// Task has a field of everything that can travel.
type Task struct {
	Steps    []Step                      `json:"steps"`
	Images   map[string][]Image          `json:"images"`
	Attempt  int                         `json:"attempt"`
	Seed     uint64                      `json:"seed"`
	Scale    float32                     `json:"scale"`
	Limit    *int16                      `json:"limit"`
	Digest   []byte                      `json:"digest"`
	Grid     [2]int                      `json:"grid"`
	Started  time.Time                   `json:"started"`
	Timeout  time.Duration               `json:"timeout"`
	Keep     bool                        `json:"keep"`
	Filter   Radiused                    `json:"filter"`
	Reasons  map[enums.ExitReason]string `json:"reasons"`
	Children []*Task                     `json:"children,omitempty"`
}

func newRegistry(t testing.TB) *registry.Registry {
	t.Helper()
	r := registry.New()
	for _, e := range []struct {
		name      string
		prototype any
		aliases   []string
	}{
		{"test.Gaussian", Gaussian{}, []string{"test.old.Blur"}},
		{"test.Median", Median{}, nil},
		{"test.Image", Image{}, nil},
		{"test.Step", Step{}, nil},
		{"test.Task", Task{}, nil},
	} {
		if err := r.Register(e.name, e.prototype, e.aliases...); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestEncodingIsAsDocumented(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	limit := int16(-3)
	task := Task{
		Steps:   []Step{{Name: "smooth \"<é>\"", Parameters: Gaussian{1.5}, Axis: enums.Microscopy().Axis}, {}},
		Images:  map[string][]Image{"b": nil, "a": {{Position{"A01", ""}, "x.tif", enums.Uint16}}},
		Seed:    math.MaxUint64,
		Limit:   &limit,
		Digest:  []byte{0xff},
		Started: time.Date(2024, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600)),
		Filter:  Gaussian{2},
		Reasons: map[enums.ExitReason]string{enums.ReasonOK: ""},
	}
	const want = `{"type":"test.Task","value":{"steps":[` +
		`{"name":"smooth \"\u003cé\u003e\"","parameters":{"type":"test.Gaussian","value":{"sigma":1.5}},"axis":"wellhouse.components.microscopy.AllComponents.well"},` +
		`{"name":"","parameters":null,"axis":null}],` +
		`"images":{"a":[{"well":"A01","path":"x.tif","type":"uint16"}],"b":null},` +
		`"attempt":0,"seed":18446744073709551615,"scale":0,"limit":-3,"digest":"/w==","grid":[0,0],` +
		`"started":"2024-02-03T03:05:06.000000007Z","timeout":0,"keep":false,` +
		`"filter":{"type":"test.Gaussian","value":{"sigma":2}},"reasons":{"ok":""}}}`
	got, err := r.Encode(&task)
	if err != nil || string(got) != want {
		t.Fatalf("got  %s\nwant %s\nerr %v", got, want, err)
	}
	back, err := registry.DecodeAs[Task](r, got)
	task.Started = task.Started.UTC()
	if err != nil || !reflect.DeepEqual(back, task) {
		t.Fatalf("came back as %+v, %v", back, err)
	}
	if back.Steps[0].Axis != enums.Microscopy().Axis {
		t.Fatal("the member lost its identity")
	}
}

func TestAliasesAreReadAndNotWritten(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	v, err := r.Decode([]byte(` { "type" : "test.old.Blur", "value":{"sigma":3e0}} `))
	if err != nil || v != (Gaussian{3}) {
		t.Fatalf("got %v, %v", v, err)
	}
	if text, err := r.Encode(v); err != nil || string(text) != `{"type":"test.Gaussian","value":{"sigma":3}}` {
		t.Fatalf("got %s, %v", text, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	step := func(s string) string { return `{"type":"test.Step","value":` + s + `}` }
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", ``, "the data ends at byte 0, want an object"},
		{"no object", `[]`, "want an object"},
		{"no type", `{}`, "the type is missing"},
		{"no type, a value", `{"value":{}}`, "the type is missing before the value"},
		{"no value", `{"type":"test.Step"}`, "the value of the test.Step is missing"},
		{"unknown type", `{"type":"test.Stp","value":{}}`, `unknown type "test.Stp": did you mean "test.Step"?`},
		{"type twice", `{"type":"test.Step","type":"test.Step"}`, "type: given twice"},
		{"another key", `{"type":"test.Step","extra":1}`, `unknown key of a typed value "extra"`},
		{"missing field", step(`{"name":"a","axis":null}`), "parameters: missing"},
		{"unknown field", step(`{"nme":"a"}`), `unknown field "nme": did you mean "name"?`},
		{"another case", step(`{"Name":"a"}`), `unknown field "Name": did you mean "name"?`},
		{"duplicate", step(`{"name":"a","name":"a"}`), "name: given twice"},
		{"nested unknown field", step(`{"parameters":{"type":"test.Gaussian","value":{"sgma":1}}}`), `parameters: unknown field "sgma"`},
		{"nested missing field", step(`{"parameters":{"type":"test.Gaussian","value":{}}}`), "parameters.sigma: missing"},
		{"nested unknown type", step(`{"parameters":{"type":"nonsense","value":{}}}`), `parameters: unknown type "nonsense"`},
		{"unknown member", step(`{"axis":"wellhouse.components.microscopy.AllComponents.wel"}`), `axis: unknown member of wellhouse.components.microscopy.AllComponents "wel": did you mean "well"?`},
		{"unknown enumeration", step(`{"axis":"test.nonsense.x"}`), `axis: unknown enumeration`},
		{"null text", step(`{"name":null}`), "name: found 'n'"},
		{"number for text", step(`{"name":1}`), "name: found '1'"},
		{"trailing", step(`{"name":"a","parameters":null,"axis":null}`) + "x", "1 more bytes"},
		{"bad UTF-8", step("{\"name\":\"\xff\"}"), "not UTF-8"},
		{"lone surrogate", step(`{"name":"\ud800"}`), "lone surrogate"},
		{"reversed surrogates", step(`{"name":"\udc00\ud800"}`), "lone surrogate"},
		{"bad escape", step(`{"name":"\x"}`), "invalid character"},
		{"control character", step("{\"name\":\"\n\"}"), "control character"},
		{"open string", step(`{"name":"a`)[:34], "does not end"},
		{"too large", `{"type":"test.Median","value":{"radius":256}}`, "radius: the number 256 is no uint8"},
		{"negative", `{"type":"test.Median","value":{"radius":-1}}`, "no uint8"},
		{"fraction", `{"type":"test.Median","value":{"radius":1.5}}`, "no uint8"},
		{"float overflow", `{"type":"test.Gaussian","value":{"sigma":1e999}}`, "no float64"},
		{"number with zero", `{"type":"test.Gaussian","value":{"sigma":01}}`, "is not a number"},
		{"NaN", `{"type":"test.Gaussian","value":{"sigma":NaN}}`, "want a number"},
		{"short array", `{"type":"test.Task","value":{"grid":[1]}}`, "grid: 1 elements, want 2"},
		{"long array", `{"type":"test.Task","value":{"grid":[1,2,3]}}`, "grid[2]: more than 2 elements"},
		{"deep in maps", `{"type":"test.Task","value":{"images":{"A 1":[{"well":"A01","path":"","type":"uint12"}]}}}`, `images["A 1"][0].type: unknown member of wellhouse.enums.PixelType "uint12": did you mean "uint16"?`},
		{"map key twice", `{"type":"test.Task","value":{"images":{"a":null,"a":null}}}`, `images["a"]: given twice`},
		{"map key unknown", `{"type":"test.Task","value":{"reasons":{"okay":""}}}`, `reasons["okay"]: unknown member`},
		{"base64", `{"type":"test.Task","value":{"digest":"!"}}`, "digest: the bytes are not base64"},
		{"time", `{"type":"test.Task","value":{"started":"yesterday"}}`, `started: "yesterday" is not a time`},
		{"wrong interface", `{"type":"test.Task","value":{"filter":{"type":"test.Median","value":{"radius":1}}}}`, "filter: a test.Median does not fit here"},
		{"too deep", strings.Repeat(`{"type":"test.Step","value":{"parameters":`, 200), "nested deeper"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v, err := r.Decode([]byte(tc.data))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, %v\nwant an error with %s", v, err, tc.want)
			}
		})
	}
	if _, err := registry.DecodeAs[Step](r, []byte(`{"type":"test.Median","value":{"radius":1}}`)); err == nil ||
		!strings.Contains(err.Error(), "it is a test.Median, want a test.Step") {
		t.Errorf("got %v", err)
	}
}

func TestRegisterRefusesWhatCannotTravel(t *testing.T) {
	t.Parallel()
	type private struct{ hidden int }
	type dropped struct {
		A int `json:"-"`
	}
	type twice struct {
		Position
		Well string `json:"well"`
	}
	type Slices []Slices
	type odd struct {
		A int `json:"a,string"`
	}
	_ = private{}.hidden
	for _, tc := range []struct {
		name      string
		prototype any
		want      string
	}{
		{"function", struct{ F func() }{}, "F: a func() cannot travel"},
		{"channel in a list in a map", struct{ M map[string][]chan int }{}, "M[][]: a chan int cannot travel"},
		{"uintptr", struct{ P uintptr }{}, "P: a uintptr cannot travel"},
		{"unsafe pointer", struct{ P unsafe.Pointer }{}, "P: a unsafe.Pointer cannot travel"},
		{"complex", struct{ C complex128 }{}, "C: a complex128"},
		{"context", struct{ C context.Context }{}, "C: a context.Context is bound to its process"},
		{"error", struct{ E error }{}, "E: a error is bound"},
		{"file", struct{ F *os.File }{}, "F: type os.File is not registered"},
		{"lock", struct{ L sync.Mutex }{}, "L: type sync.Mutex is not registered"},
		{"unregistered", struct{ L []Image }{}, "L[]: type registry_test.Image is not registered"},
		{"unexported", private{}, "hidden: unexported state cannot travel"},
		{"dropped", dropped{}, "A: a field tagged"},
		{"shadowed", twice{}, "well: two fields travel under this name"},
		{"int keys", struct{ M map[int]string }{}, "M: a map with keys of type int cannot travel"},
		{"self-holding list", struct{ S Slices }{}, "holds itself"},
		{"pointer to pointer", struct{ P **int }{}, "null would mean two things"},
		{"json option", odd{}, `a: json tag option "string" is not supported`},
		{"not a struct", 1, "want a struct value"},
		{"pointer", &Position{}, "want a struct value"},
		{"nil", nil, "want a struct value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := registry.New()
			err := r.Register("test.Thing", tc.prototype)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "register type test.Thing: ") {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
			if len(r.Names()) != 0 {
				t.Fatal("a refused type was registered")
			}
		})
	}
}

func TestNamesAndTypesAreUnique(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	before := r.Fingerprint()
	if err := r.Register("test.Gaussian", Gaussian{}, "test.old.Blur"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for name, err := range map[string]error{
		"type under another name":  r.Register("test.Other", Gaussian{}),
		"type with other aliases":  r.Register("test.Gaussian", Gaussian{}),
		"name of another type":     r.Register("test.Median", Position{}),
		"name is an alias":         r.Register("test.old.Blur", Position{}),
		"alias is a name":          r.Register("test.Position", Position{}, "test.Median"),
		"its own alias":            r.Register("test.Position", Position{}, "test.Position"),
		"not a name":               r.Register("test..Position", Position{}),
		"an alias that is no name": r.Register("test.Position", Position{}, `a"b`),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if r.Fingerprint() != before {
		t.Error("a refusal changed the fingerprint")
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	cyclic := &Task{}
	cyclic.Children = []*Task{{Children: []*Task{cyclic}}}
	deep := &Task{}
	for range 100 {
		deep = &Task{Children: []*Task{deep}}
	}
	list := []Step{{Parameters: Step{}}}
	unknown, err := enums.Define("test.registry.Unregistered", "member")
	if err != nil {
		t.Fatal(err)
	}
	stranger, copied := unknown.Members()[0], *enums.Microscopy().Axis
	for _, tc := range []struct {
		name  string
		value any
		want  string
	}{
		{"cycle", cyclic, "children[0].children[0].children: a cycle"},
		{"too deep", deep, "nested deeper than"},
		{"unregistered", Position{}, "type registry_test.Position is not registered"},
		{"unregistered in an interface", Task{Steps: append(list, Step{Parameters: Position{}})}, "steps[1].parameters: type registry_test.Position is not registered"},
		{"function in an interface", Step{Parameters: func() {}}, "parameters: type func() is not registered"},
		{"number in an interface", Step{Parameters: 1}, "parameters: type int is not registered"},
		{"pointer in an interface", Step{Parameters: &Gaussian{}}, "parameters: a pointer"},
		{"NaN", Gaussian{math.NaN()}, "sigma: the number NaN is not finite"},
		{"infinity", Gaussian{math.Inf(-1)}, "sigma: the number -Inf"},
		{"not UTF-8", Step{Name: "a\xff"}, "name: text \"a\\xff\" is not UTF-8"},
		{"unknown member", Image{Type: "uint12"}, "type: unknown member"},
		{"unset member", Image{}, "type: unknown member"},
		{"unknown key", Task{Reasons: map[enums.ExitReason]string{"x": ""}}, `reasons["x"]: unknown member`},
		{"copied member", Step{Axis: &copied}, "axis: \"well\" is a copy"},
		{"member of a stranger", Step{Axis: stranger}, "axis: enumeration test.registry.Unregistered is not registered"},
		{"year", Task{Started: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "started: "},
		{"nil", nil, "is nil"},
		{"nil pointer", (*Task)(nil), "is nil"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := r.Encode(tc.value)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %s, %v\nwant an error with %s", text, err, tc.want)
			}
		})
	}
	if _, err := r.Encode(Position{}); !errors.Is(err, registry.ErrNotRegistered) {
		t.Errorf("%v is no ErrNotRegistered", err)
	}
}

func TestRegisteredRunTimeEnumerationTravels(t *testing.T) {
	t.Parallel()
	e, err := enums.Define("test.registry.Batch", "first", "second")
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistry(t)
	before := r.Fingerprint()
	r.RegisterEnumeration(e)
	if r.Fingerprint() == before {
		t.Error("the fingerprint does not cover the enumeration")
	}
	text, err := r.Encode(Step{Axis: e.Members()[1]})
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.DecodeAs[Step](r, text)
	if err != nil || back.Axis != e.Members()[1] {
		t.Fatalf("got %v, %v", back.Axis, err)
	}
	if _, err := newRegistry(t).Decode(text); err == nil {
		t.Error("a registry without the enumeration took its member")
	}
}

// A value seen twice is no cycle.
func TestSharedValuesTravel(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	shared := &Task{Steps: []Step{}}
	text, err := r.Encode(Task{Children: []*Task{shared, shared, {Children: []*Task{}}}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.DecodeAs[Task](r, text)
	if err != nil || len(back.Children) != 3 || !reflect.DeepEqual(back.Children[0], shared) {
		t.Fatalf("got %+v, %v", back, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 50 {
				if err := r.Register("test.Holder", Position{}); err != nil {
					t.Error(err)
				}
				text, err := r.Encode(Step{Parameters: Gaussian{1}})
				if err != nil {
					t.Error(err)
				}
				if _, err := r.Decode(text); err != nil {
					t.Error(err)
				}
				r.Description()
			}
		})
	}
	group.Wait()
}

func drawTask(t *rapid.T, depth int) Task {
	text := rapid.String()
	parameters := rapid.SampledFrom([]any{nil, Gaussian{0.1}, Median{255}, Step{Name: "inner", Parameters: Gaussian{-0.5}}})
	task := Task{
		Steps: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Step {
			members := append(enums.Microscopy().GroupBy.Members(), nil)
			return Step{text.Draw(t, "name"), parameters.Draw(t, "parameters"), rapid.SampledFrom(members).Draw(t, "axis")}
		})).Draw(t, "steps"),
		Images: rapid.MapOf(text, rapid.SliceOf(rapid.Custom(func(t *rapid.T) Image {
			return Image{Position{text.Draw(t, "well"), text.Draw(t, "site")}, text.Draw(t, "path"), rapid.SampledFrom(enums.PixelTypes()).Draw(t, "type")}
		}))).Draw(t, "images"),
		Attempt: rapid.Int().Draw(t, "attempt"),
		Seed:    rapid.Uint64().Draw(t, "seed"),
		Scale:   rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, "scale"),
		Limit:   rapid.Ptr(rapid.Int16(), true).Draw(t, "limit"),
		Digest:  rapid.SampledFrom([][]byte{nil, {}, {0}, {1, 2, 3, 255}}).Draw(t, "digest"),
		Grid:    [2]int{rapid.Int().Draw(t, "rows"), 0},
		Started: time.Unix(rapid.Int64Range(-1e9, 1e10).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).UTC(),
		Timeout: time.Duration(rapid.Int64().Draw(t, "timeout")),
		Keep:    rapid.Bool().Draw(t, "keep"),
		Filter:  rapid.SampledFrom([]Radiused{nil, Gaussian{1}}).Draw(t, "filter"),
		Reasons: rapid.MapOf(rapid.SampledFrom(enums.ExitReasons()), text).Draw(t, "reasons"),
	}
	if rapid.Bool().Draw(t, "nil lists") {
		task.Steps, task.Images, task.Reasons = nil, nil, nil
	}
	if depth > 0 {
		for range rapid.IntRange(0, 2).Draw(t, "children") {
			child := drawTask(t, depth-1)
			task.Children = append(task.Children, &child)
		}
	}
	return task
}

func TestRoundTripProperty(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	rapid.Check(t, func(t *rapid.T) {
		task := drawTask(t, 2)
		text, err := r.Encode(task)
		if err != nil {
			t.Fatal(err)
		}
		back, err := registry.DecodeAs[Task](r, text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(back, task) {
			t.Fatalf("came back as %+v, was %+v", back, task)
		}
		if again, err := r.Encode(back); err != nil || string(again) != string(text) {
			t.Fatalf("not canonical: %s, then %s (%v)", text, again, err)
		}
	})
}

// Whatever Decode takes, Encode writes, and that reads back as the same bytes.
func FuzzDecode(f *testing.F) {
	r := newRegistry(f)
	limit := int16(1)
	seed, err := r.Encode(Task{
		Steps:    []Step{{"é\u2028😀\\", Step{Parameters: Median{1}}, enums.Microscopy().Axis}},
		Images:   map[string][]Image{"a": {{Position{"A01", "1"}, "p", enums.Float32}}},
		Limit:    &limit,
		Digest:   []byte("digest"),
		Reasons:  map[enums.ExitReason]string{enums.ReasonLost: "x"},
		Children: []*Task{{}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"type":"test.old.Blur","value":{"sigma":-1.5e-3}}`))
	f.Add([]byte(`{"type":"test.Step","value":{"name":"\ud83d\ude00\u0000\n","parameters":null,"axis":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := r.Decode(data)
		if err != nil {
			return
		}
		text, err := r.Encode(v)
		if err != nil {
			t.Fatalf("decoded %q and cannot encode: %v", data, err)
		}
		back, err := r.Decode(text)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", text, err)
		}
		if again, err := r.Encode(back); err != nil || string(again) != string(text) {
			t.Fatalf("%s became %s (%v)", text, again, err)
		}
	})
}
