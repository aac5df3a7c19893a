package function

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeParameters(t *testing.T) {
	t.Parallel()
	c := Faults()
	for _, test := range []struct {
		function string
		set      map[string]any
		want     any    // or
		refused  string // parameter: part of the message
	}{
		{"gaussian", nil, Gaussian{Sigma: 1}, ""},
		{"gaussian", map[string]any{"sigma": 2.5}, Gaussian{Sigma: 2.5}, ""},
		{"gaussian", map[string]any{"sigma": uint64(3)}, Gaussian{Sigma: 3}, ""},
		{"median", map[string]any{"radius": 4.0}, Median{Radius: 4}, ""},
		{"composite", map[string]any{"weights": []any{1, 0.5}}, Composite{Weights: []float64{1, 0.5}}, ""},
		{"fault_exit", map[string]any{"wells": []any{"A01"}, "code": int64(7)}, FaultExit{Code: 7, Wells: []string{"A01"}}, ""},
		{"gaussian", map[string]any{"sigam": 1}, nil, "sigam: unknown; did you mean sigma?"},
		{"max_projection", map[string]any{"radius": 1}, nil, "radius: unknown; this function has no parameters"},
		{"gaussian", map[string]any{"sigma": -1}, nil, "sigma: -1 is outside 0 to 100 px"},
		{"gaussian", map[string]any{"sigma": "wide"}, nil, `sigma: is the text "wide", want float`},
		{"gaussian", map[string]any{"sigma": nil}, nil, "sigma: is empty, want float"},
		{"median", map[string]any{"radius": 2.5}, nil, "radius: is 2.5, want int"},
		{"median", map[string]any{"radius": 101}, nil, "radius: 101 is outside 0 to 100 px"},
		{"composite", map[string]any{"weights": 3}, nil, "weights: is 3, want list of float"},
		{"composite", map[string]any{"weights": []any{1, "a"}}, nil, "weights: element 2: is the text"},
		{"composite", map[string]any{"weights": []any{1, -1}}, nil, "weights: element 2: -1 is under the smallest value, 0"},
		{"composite", map[string]any{"weights": []any{0, 0}}, nil, "weights: are all zero"},
		{"percentile_normalize", map[string]any{"low": 50, "high": 10}, nil, "low: is over high"},
		{"fault_hang", map[string]any{"mode": "lazy"}, nil, `mode: "lazy" is none of blocked, busy, stopped`},
		{"fault_exit", map[string]any{"code": 1e300}, nil, "code: is 1e+300, want int"},
	} {
		d, err := c.Get(test.function)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.DecodeParameters(test.set)
		if test.refused != "" {
			var refusal *ParameterError
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%s %v: got %v, want %q", test.function, test.set, err, test.refused)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %v: got %+v, %v, want %+v", test.function, test.set, got, err, test.want)
		}
	}
}

func TestCheckParametersRefusesAnotherType(t *testing.T) {
	t.Parallel()
	if err := gaussian().CheckParameters(Median{}); err == nil {
		t.Error("accepted")
	}
	if err := gaussian().CheckParameters(Gaussian{Sigma: 1e9}); err == nil {
		t.Error("a value out of range is accepted")
	}
}
