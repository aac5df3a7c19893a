package function

import (
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// MaxProjection is the (empty) parameter type of max_projection.
type MaxProjection struct{}

// MeanProjection is the (empty) parameter type of mean_projection.
type MeanProjection struct{}

// Composite holds the parameters of composite.
type Composite struct {
	Weights []float64 `json:"weights" min:"0" doc:"one weight per plane of the stack, in its order; empty weighs all alike"`
}

func (p Composite) check() (parameter, message string) {
	for _, w := range p.Weights {
		if w > 0 {
			return "", ""
		}
	}
	if len(p.Weights) > 0 {
		return "weights", "are all zero"
	}
	return "", ""
}

func maxProjection() Definition {
	return Definition{
		Name: "max_projection", Version: 1, Kind: Reducing,
		Summary:    "Take the brightest value along the stack. Keeps the pixel type.",
		Reference:  "numpy.max(stack, axis=0)",
		Parameters: MaxProjection{},
		Apply: reduce(func(s imaging.Stack, _ MaxProjection) (*imaging.Plane, error) {
			return imaging.MaxProjection(s), nil
		}),
	}
}

func meanProjection() Definition {
	return Definition{
		Name: "mean_projection", Version: 1, Kind: Reducing,
		Summary:    "Take the mean along the stack. The result is float32.",
		Reference:  "numpy.mean(stack, axis=0)",
		Parameters: MeanProjection{},
		Apply: reduce(func(s imaging.Stack, _ MeanProjection) (*imaging.Plane, error) {
			return imaging.MeanProjection(s), nil
		}),
	}
}

func composite() Definition {
	return Definition{
		Name: "composite", Version: 1, Kind: Reducing,
		Summary:    "Take the weighted mean along the stack, for example over channels. The result is float32.",
		Reference:  "numpy.average(stack, axis=0, weights=weights)",
		Parameters: Composite{},
		Apply: reduce(func(s imaging.Stack, p Composite) (*imaging.Plane, error) {
			if len(p.Weights) == 0 {
				return imaging.MeanProjection(s), nil
			}
			if len(p.Weights) != len(s) {
				return nil, fmt.Errorf("composite: %d weights for a stack of %d planes; give one per plane",
					len(p.Weights), len(s))
			}
			return imaging.WeightedMean(s, p.Weights), nil
		}),
	}
}
