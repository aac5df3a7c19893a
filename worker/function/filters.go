package function

import "github.com/wellhouse-hcs/wellhouse/worker/imaging"

// Gaussian holds the parameters of gaussian.
type Gaussian struct {
	Sigma float64 `json:"sigma" unit:"px" min:"0" max:"100" doc:"standard deviation; 0 leaves the image as it is"`
}

func gaussian() Definition {
	return Definition{
		Name: "gaussian", Version: 1, Kind: Planewise,
		Summary:    "Smooth with a Gaussian. The result is float32.",
		Reference:  "scikit-image filters.gaussian(mode='nearest', truncate=4, preserve_range=True)",
		Parameters: Gaussian{Sigma: 1},
		Apply: filter(func(p *imaging.Plane, g Gaussian) *imaging.Plane {
			return imaging.Gaussian(p, g.Sigma)
		}),
	}
}

// Median holds the parameters of median.
type Median struct {
	Radius int `json:"radius" unit:"px" min:"0" max:"100" doc:"radius of the disk whose median is taken"`
}

func median() Definition {
	return Definition{
		Name: "median", Version: 1, Kind: Planewise,
		Summary:    "Replace each pixel by the median of a disk around it. Keeps the pixel type.",
		Reference:  "scipy.ndimage.median_filter(footprint=disk(radius)); Huang, Yang, Tang 1979",
		Parameters: Median{Radius: 2},
		Apply: filter(func(p *imaging.Plane, m Median) *imaging.Plane {
			return imaging.Median(p, m.Radius)
		}),
	}
}

// WhiteTophat holds the parameters of white_tophat.
type WhiteTophat struct {
	Radius int `json:"radius" unit:"px" min:"0" max:"200" doc:"radius of the disk; brighter things narrower than it stay"`
}

func whiteTophat() Definition {
	return Definition{
		Name: "white_tophat", Version: 1, Kind: Planewise,
		Summary:    "Remove background wider than a disk. Keeps the pixel type.",
		Reference:  "scikit-image morphology.white_tophat(disk(radius)); Urbach and Wilkinson 2008",
		Parameters: WhiteTophat{Radius: 10},
		Apply: filter(func(p *imaging.Plane, w WhiteTophat) *imaging.Plane {
			return imaging.WhiteTophat(p, w.Radius)
		}),
	}
}
