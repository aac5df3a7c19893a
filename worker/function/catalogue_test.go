package function

import (
	"errors"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	for _, d := range Faults().All() {
		if d.Summary == "" || d.Reference == "" || d.Version < 1 || d.Kind == "" {
			t.Errorf("%s: summary, reference, version or kind is missing", d.Name)
		}
		for _, p := range d.ParameterList() {
			if p.Doc == "" {
				t.Errorf("%s: parameter %s has no doc", d.Name, p.Name)
			}
		}
		if err := d.CheckParameters(d.Parameters); err != nil {
			t.Errorf("the defaults are refused: %v", err)
		}
	}
}

func TestUnknownFunctionNamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := Builtin().Get("gausian")
	var unknown *enums.UnknownError
	if !errors.As(err, &unknown) || unknown.Nearest() != "gaussian" {
		t.Errorf("got %v", err)
	}
}

func TestFaultsAreOptIn(t *testing.T) {
	t.Parallel()
	environment := func(value string) func(string) string {
		return func(name string) string {
			if name == FaultsVariable {
				return value
			}
			return ""
		}
	}
	if _, err := Select(environment("")).Get("fault_panic"); err == nil {
		t.Error("faults are there without being asked for")
	}
	if _, err := Select(environment("1")).Get("fault_panic"); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesWrongDefinitions(t *testing.T) {
	t.Parallel()
	good := gaussian()
	type wrong struct {
		Any map[string]int `json:"any"`
	}
	type unnamed struct{ Sigma float64 }
	change := func(f func(d *Definition)) Definition { d := good; f(&d); return d }
	for name, definitions := range map[string][]Definition{
		"twice":       {good, good},
		"no name":     {change(func(d *Definition) { d.Name = "" })},
		"no apply":    {change(func(d *Definition) { d.Apply = nil })},
		"no version":  {change(func(d *Definition) { d.Version = 0 })},
		"nil":         {change(func(d *Definition) { d.Parameters = nil })},
		"pointer":     {change(func(d *Definition) { d.Parameters = &Gaussian{} })},
		"map":         {change(func(d *Definition) { d.Parameters = wrong{} })},
		"no json tag": {change(func(d *Definition) { d.Parameters = unnamed{} })},
	} {
		if _, err := New(definitions...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestParametersTravel(t *testing.T) {
	t.Parallel()
	r := registry.New()
	if err := Faults().Register(r); err != nil {
		t.Fatal(err)
	}
	d, err := Builtin().Get("segment_nuclei")
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.DecodeParameters(map[string]any{"min_area": 35, "sigma": 2})
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "wellhouse.function.SegmentNuclei") {
		t.Errorf("encoded as %s", data)
	}
	got, err := r.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
