package function

import "github.com/wellhouse-hcs/wellhouse/worker/imaging"

// PercentileNormalize holds the parameters of percentile_normalize.
type PercentileNormalize struct {
	Low       float64 `json:"low" unit:"%" min:"0" max:"100" doc:"percentile that becomes target_min"`
	High      float64 `json:"high" unit:"%" min:"0" max:"100" doc:"percentile that becomes target_max"`
	TargetMin float64 `json:"target_min" doc:"smallest value of the result"`
	TargetMax float64 `json:"target_max" doc:"largest value of the result; 0 is the pixel type's (255, 65535, or 1 for float32)"`
}

// StackPercentileNormalize holds the parameters of stack_percentile_normalize.
type StackPercentileNormalize struct {
	Low       float64 `json:"low" unit:"%" min:"0" max:"100" doc:"percentile over the stack that becomes target_min"`
	High      float64 `json:"high" unit:"%" min:"0" max:"100" doc:"percentile over the stack that becomes target_max"`
	TargetMin float64 `json:"target_min" doc:"smallest value of the result"`
	TargetMax float64 `json:"target_max" doc:"largest value of the result; 0 is the pixel type's (255, 65535, or 1 for float32)"`
}

func (p PercentileNormalize) check() (parameter, message string) {
	if p.Low > p.High {
		return "low", "is over high"
	}
	if p.TargetMax != 0 && p.TargetMin > p.TargetMax {
		return "target_min", "is over target_max"
	}
	return "", ""
}

func (p StackPercentileNormalize) check() (parameter, message string) {
	return PercentileNormalize(p).check()
}

func (p PercentileNormalize) rescale(plane *imaging.Plane, low, high float64) *imaging.Plane {
	target := p.TargetMax
	if target == 0 {
		target = imaging.TypeMax(plane.Type)
	}
	return imaging.Rescale(plane, low, high, p.TargetMin, target)
}

func percentileNormalize() Definition {
	return Definition{
		Name: "percentile_normalize", Version: 1, Kind: Planewise,
		Summary:    "Stretch each plane between two of its percentiles. Keeps the pixel type.",
		Reference:  "numpy.percentile and scikit-image exposure.rescale_intensity",
		Parameters: PercentileNormalize{Low: 1, High: 99},
		Apply: filter(func(p *imaging.Plane, n PercentileNormalize) *imaging.Plane {
			limits := imaging.Percentiles(imaging.Stack{p}, n.Low, n.High)
			return n.rescale(p, limits[0], limits[1])
		}),
	}
}

func stackPercentileNormalize() Definition {
	return Definition{
		Name: "stack_percentile_normalize", Version: 1, Kind: Stackwise,
		Summary:    "Stretch all planes of a stack between two percentiles of the whole stack. Keeps the pixel type.",
		Reference:  "numpy.percentile and scikit-image exposure.rescale_intensity",
		Parameters: StackPercentileNormalize{Low: 1, High: 99},
		Apply: func(c *Call) error {
			n := PercentileNormalize(c.Parameters.(StackPercentileNormalize))
			limits := imaging.Percentiles(c.Stack, n.Low, n.High)
			return filter(func(p *imaging.Plane, _ StackPercentileNormalize) *imaging.Plane {
				return n.rescale(p, limits[0], limits[1])
			})(c)
		},
	}
}
