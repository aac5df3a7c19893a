package function

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

func TestMain(m *testing.M) {
	if name := os.Getenv("WELLHOUSE_TEST_FAULT"); name != "" {
		os.Exit(runFault(name))
	}
	goleak.VerifyTestMain(m)
}

// apply calls a function with the given parameters over its defaults.
func apply(t *testing.T, name string, set map[string]any, c *Call) error {
	t.Helper()
	d, err := Faults().Get(name)
	if err != nil {
		t.Fatal(err)
	}
	if c.Parameters, err = d.DecodeParameters(set); err != nil {
		t.Fatal(err)
	}
	if c.Context == nil {
		c.Context = t.Context()
	}
	return d.Apply(c)
}

// disks is a plane with a bright disk at each centre (y, x).
func disks(height, width int, radius float64, centres ...[2]float64) *imaging.Plane {
	p := imaging.NewPlane(height, width, enums.Uint16)
	for i := range p.Pix {
		p.Pix[i] = 100
		for _, c := range centres {
			if math.Hypot(float64(i/width)-c[0], float64(i%width)-c[1]) < radius {
				p.Pix[i] = 1000
			}
		}
	}
	return p
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, d := range Builtin().All() {
		stack := imaging.Stack{disks(20, 30, 5, [2]float64{9, 9}), disks(20, 30, 5, [2]float64{9, 20})}
		before := []*imaging.Plane{stack[0].Clone(), stack[1].Clone()}
		c := &Call{Stack: slices.Clone(stack), Threads: 2}
		if d.TakesObjects {
			c.Objects = []*imaging.Labels{imaging.NewLabels(20, 30), imaging.NewLabels(20, 30)}
		}
		if err := apply(t, d.Name, nil, c); err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		want := len(stack)
		if d.Kind == Reducing {
			want = 1
		}
		if len(c.Stack) != want {
			t.Errorf("%s: %d planes came out, want %d", d.Name, len(c.Stack), want)
		}
		if d.GivesObjects && len(c.Objects) != len(stack) {
			t.Errorf("%s: %d label maps for %d planes", d.Name, len(c.Objects), len(stack))
		}
		for i, p := range stack {
			if !reflect.DeepEqual(p, before[i]) {
				t.Errorf("%s: changed its input", d.Name)
			}
		}
		if (d.GivesObjects || d.TakesObjects) && (c.Stack[0] != stack[0] || c.Stack[1] != stack[1]) {
			t.Errorf("%s: the image did not pass through", d.Name)
		}
	}
}

func TestSegmentAndMeasure(t *testing.T) {
	t.Parallel()
	c := &Call{Threads: 3, Stack: imaging.Stack{
		disks(60, 80, 8, [2]float64{20, 20}, [2]float64{20, 60}),
		imaging.NewPlane(60, 80, enums.Uint16), // an empty field is a result
		disks(60, 80, 8, [2]float64{30, 30}, [2]float64{30, 43}),
	}}
	if err := apply(t, "segment_nuclei", nil, c); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 0, 2} {
		if got := c.Objects[i].Count; got != want {
			t.Errorf("plane %d has %d nuclei, want %d", i, got, want)
		}
	}
	for _, name := range []string{"measure_shape", "measure_intensity"} {
		if err := apply(t, name, nil, c); err != nil {
			t.Fatal(err)
		}
	}
	find := func(plane, object int, feature string) float64 {
		for _, r := range c.Rows {
			if r.Plane == plane && r.Object == object && r.Feature == feature {
				return r.Value
			}
		}
		t.Errorf("plane %d, object %d has no %s", plane, object, feature)
		return math.NaN()
	}
	for feature, want := range map[string]float64{
		"Location_Center_X": 20, "Location_Center_Y": 20, "AreaShape_Area": 193, "Intensity_MaxIntensity": 1000,
		"Intensity_IntegratedIntensity": 193 * 1000, "AreaShape_Solidity": 1,
	} {
		if got := find(0, 1, feature); math.Abs(got-want) > 0.05*want {
			t.Errorf("%s is %v, want about %v", feature, got, want)
		}
	}
	if find(0, 2, "Location_Center_X") < 55 {
		t.Error("the second nucleus is not the right one")
	}
	for _, r := range c.Rows {
		if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) || r.Plane == 1 {
			t.Errorf("row %+v", r)
		}
	}
}

func TestMoreThreadsGiveTheSame(t *testing.T) {
	t.Parallel()
	run := func(threads int) *Call {
		c := &Call{Threads: threads}
		for i := range 7 {
			c.Stack = append(c.Stack, disks(40, 50, 6, [2]float64{15, 10 + 4*float64(i)}, [2]float64{15, 20 + 4*float64(i)}))
		}
		for _, name := range []string{"gaussian", "segment_nuclei", "measure_shape", "measure_intensity"} {
			if err := apply(t, name, nil, c); err != nil {
				t.Fatal(err)
			}
		}
		c.Context, c.Threads = nil, 0
		return c
	}
	if one, many := run(1), run(4); !reflect.DeepEqual(one, many) {
		t.Error("the result depends on the number of threads")
	}
}

func TestStackNormalizeKeepsDifferencesBetweenPlanes(t *testing.T) {
	t.Parallel()
	dark, bright := imaging.NewPlane(4, 4, enums.Uint8), imaging.NewPlane(4, 4, enums.Uint8)
	for i := range bright.Pix {
		dark.Pix[i], bright.Pix[i] = 10, 20
	}
	set := map[string]any{"low": 0, "high": 100}
	c := &Call{Stack: imaging.Stack{dark, bright}}
	if err := apply(t, "stack_percentile_normalize", set, c); err != nil {
		t.Fatal(err)
	}
	if c.Stack[0].Pix[0] != 0 || c.Stack[1].Pix[0] != 255 {
		t.Errorf("got %v and %v, want 0 and 255", c.Stack[0].Pix[0], c.Stack[1].Pix[0])
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a, b := imaging.NewPlane(4, 5, enums.Uint8), imaging.NewPlane(5, 4, enums.Uint8)
	for _, test := range []struct {
		name, want string
		set        map[string]any
		call       Call
	}{
		{"max_projection", "plane 1 is 5×4 px", nil, Call{Stack: imaging.Stack{a, b}}},
		{"mean_projection", "no planes", nil, Call{}},
		{"composite", "3 weights for a stack of 2 planes", map[string]any{"weights": []any{1, 1, 1}}, Call{Stack: imaging.Stack{a, a}}},
		{"measure_shape", "0 label maps for 1 planes", nil, Call{Stack: imaging.Stack{a}}},
		{"measure_intensity", "its label map 5×4", nil, Call{Stack: imaging.Stack{a}, Objects: []*imaging.Labels{imaging.NewLabels(5, 4)}}},
	} {
		if err := apply(t, test.name, test.set, &test.call); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range Builtin().All() {
		c := &Call{Context: ctx, Stack: imaging.Stack{imaging.NewPlane(3, 3, enums.Uint8)}, Objects: []*imaging.Labels{imaging.NewLabels(3, 3)}}
		if err := apply(t, d.Name, nil, c); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", d.Name, err)
		}
	}
}
