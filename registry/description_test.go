package registry_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

func TestDescriptionNamesEverything(t *testing.T) {
	t.Parallel()
	d := newRegistry(t).Description()
	var task registry.TypeDescription
	for _, x := range d.Types {
		if x.Name == "test.Task" {
			task = x
		}
		if x.Name == "test.Gaussian" {
			want := registry.TypeDescription{Name: "test.Gaussian", Aliases: []string{"test.old.Blur"},
				Fields: []registry.FieldDescription{{Name: "sigma", Type: "float64", Unit: "px"}}}
			if !reflect.DeepEqual(x, want) {
				t.Errorf("got %+v", x)
			}
		}
	}
	var fields []string
	for _, f := range task.Fields {
		fields = append(fields, f.Name+" "+f.Type)
	}
	const want = "steps []test.Step; images map[string][]test.Image; attempt int; seed uint64; scale float32; limit *int16; " +
		"digest bytes; grid [2]int; started time; timeout int64; keep bool; filter interface{Radius}; " +
		"reasons map[enum wellhouse.enums.ExitReason]string; children []*test.Task"
	if got := strings.Join(fields, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, e := range append(enums.Vocabularies(), enums.Microscopy().GroupBy) {
		if !slices.ContainsFunc(d.Enumerations, func(x registry.EnumerationDescription) bool {
			return x.Name == e.Name() && slices.Equal(x.Members, e.Names())
		}) {
			t.Errorf("%s is not described", e)
		}
	}
}

func TestFingerprintDoesNotDependOnOrderAndSurvivesTransport(t *testing.T) {
	t.Parallel()
	one, two := registry.New(), registry.New()
	for _, err := range []error{
		one.Register("test.Gaussian", Gaussian{}, "a.B", "a.A"), one.Register("test.Median", Median{}),
		two.Register("test.Median", Median{}), two.Register("test.Gaussian", Gaussian{}, "a.A", "a.B"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if one.Fingerprint() != two.Fingerprint() || len(one.Fingerprint()) != 64 {
		t.Errorf("%s against %s", one.Fingerprint(), two.Fingerprint())
	}
	text, err := json.Marshal(one.Description())
	if err != nil {
		t.Fatal(err)
	}
	var carried registry.Description
	if err := json.Unmarshal(text, &carried); err != nil || carried.Fingerprint() != one.Fingerprint() {
		t.Errorf("the fingerprint changed on the way: %v", err)
	}
	if d := registry.Differences(one.Description(), carried); d != nil {
		t.Errorf("differences: %q", d)
	}
}

func TestEveryDifferenceIsNamed(t *testing.T) {
	t.Parallel()
	base := func() registry.Description { return newRegistry(t).Description() }
	find := func(d *registry.Description, name string) *registry.TypeDescription {
		i := slices.IndexFunc(d.Types, func(x registry.TypeDescription) bool { return x.Name == name })
		return &d.Types[i]
	}
	for _, tc := range []struct {
		name   string
		change func(d *registry.Description)
		want   []string
	}{
		{"nothing", func(*registry.Description) {}, nil},
		{"type gone", func(d *registry.Description) { d.Types = d.Types[1:] }, []string{"type test.Gaussian is missing on the other side"}},
		{"type renamed", func(d *registry.Description) { find(d, "test.Median").Name = "test.Medians" },
			[]string{"type test.Median is missing on the other side (it has test.Medians)", "type test.Medians is known on the other side only (it has test.Median)"}},
		{"field renamed", func(d *registry.Description) { find(d, "test.Gaussian").Fields[0].Name = "sd" },
			[]string{"type test.Gaussian: field sigma is missing on the other side", "type test.Gaussian: field sd is known on the other side only"}},
		{"field type", func(d *registry.Description) { find(d, "test.Gaussian").Fields[0].Type = "float32" },
			[]string{"type test.Gaussian: field sigma is float64 here and float32 there"}},
		{"field unit", func(d *registry.Description) { find(d, "test.Gaussian").Fields[0].Unit = "µm" },
			[]string{`type test.Gaussian: field sigma is in "px" here and in "µm" there`}},
		{"field optional", func(d *registry.Description) { find(d, "test.Gaussian").Fields[0].Optional = true },
			[]string{"type test.Gaussian: field sigma may be left out on one side only"}},
		{"field order", func(d *registry.Description) { slices.Reverse(find(d, "test.Step").Fields) },
			[]string{"type test.Step: the order is name, parameters, axis here and axis, parameters, name there"}},
		{"alias", func(d *registry.Description) { find(d, "test.Gaussian").Aliases = nil },
			[]string{"type test.Gaussian: alias test.old.Blur is missing on the other side"}},
		{"member", func(d *registry.Description) {
			i := slices.IndexFunc(d.Enumerations, func(x registry.EnumerationDescription) bool { return x.Name == "wellhouse.enums.Transport" })
			d.Enumerations[i].Members = []string{"ipc", "quic"}
		}, []string{"enumeration wellhouse.enums.Transport: member tcp is missing on the other side", "enumeration wellhouse.enums.Transport: member quic is known on the other side only"}},
		{"enumeration", func(d *registry.Description) { d.Enumerations = d.Enumerations[1:] },
			[]string{"enumeration wellhouse.components.microscopy.AllComponents is missing on the other side"}},
		{"order of types", func(d *registry.Description) { slices.Reverse(d.Types) }, []string{"the descriptions differ in the order of their entries"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			theirs := base()
			tc.change(&theirs)
			got := registry.Differences(base(), theirs)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if same := base().Fingerprint() == theirs.Fingerprint(); same != (tc.want == nil) {
				t.Errorf("fingerprints equal: %v", same)
			}
		})
	}
}
