package function

import (
	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// OtsuThreshold is the (empty) parameter type of otsu_threshold.
type OtsuThreshold struct{}

func otsuThreshold() Definition {
	return Definition{
		Name: "otsu_threshold", Version: 1, Kind: Planewise,
		Summary:    "Make a mask, 0 or 1 as uint8: 1 where a plane is brighter than its Otsu threshold.",
		Reference:  "scikit-image filters.threshold_otsu; Otsu 1979",
		Parameters: OtsuThreshold{},
		Apply: filter(func(p *imaging.Plane, _ OtsuThreshold) *imaging.Plane {
			out := imaging.NewPlane(p.Height, p.Width, enums.Uint8)
			for i, inside := range imaging.Threshold(p, imaging.Otsu(p)).Pix {
				if inside {
					out.Pix[i] = 1
				}
			}
			return out
		}),
	}
}

// SegmentNuclei holds the parameters of segment_nuclei.
type SegmentNuclei struct {
	Sigma       float64 `json:"sigma" unit:"px" min:"0" max:"100" doc:"smoothing before the threshold"`
	MinArea     int     `json:"min_area" unit:"px" min:"0" max:"1000000000" doc:"smaller objects are dropped before touching nuclei are split"`
	SplitSigma  float64 `json:"split_sigma" unit:"px" min:"0" max:"100" doc:"smoothing of the distance transform whose peaks split touching nuclei"`
	MinDistance int     `json:"min_distance" unit:"px" min:"0" max:"10000" doc:"smallest distance between two such peaks; 0 does not split"`
}

func segmentNuclei() Definition {
	d := imaging.DefaultNuclei()
	return Definition{
		Name: "segment_nuclei", Version: 1, Kind: Planewise, GivesObjects: true,
		Summary: "Find bright nuclei, each plane on its own, and split those that touch. The image passes through unchanged.",
		Reference: "scikit-image: gaussian → threshold_otsu → binary_fill_holes → remove_small_objects → label → " +
			"distance_transform_edt → gaussian → peak_local_max(labels) → watershed(mask)",
		Parameters: SegmentNuclei{Sigma: d.Sigma, MinArea: d.MinArea, SplitSigma: d.SplitSigma, MinDistance: d.MinDistance},
		Apply: func(c *Call) error {
			options := imaging.NucleiOptions(c.Parameters.(SegmentNuclei))
			objects := make([]*imaging.Labels, len(c.Stack))
			// One segmenter, with its buffers, per goroutine.
			idle := make(chan *imaging.NucleiSegmenter, max(1, c.Threads))
			for range cap(idle) {
				idle <- imaging.NewNucleiSegmenter(options)
			}
			err := c.eachPlane(func(i int, p *imaging.Plane) error {
				segmenter := <-idle
				objects[i] = segmenter.Segment(p)
				idle <- segmenter
				return nil
			})
			if err != nil {
				return err
			}
			c.Objects = objects
			return nil
		},
	}
}
