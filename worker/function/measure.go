package function

import (
	"math"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// MeasureShape is the (empty) parameter type of measure_shape.
type MeasureShape struct{}

// MeasureIntensity is the (empty) parameter type of measure_intensity.
type MeasureIntensity struct{}

func measureShape() Definition {
	return Definition{
		Name: "measure_shape", Version: 1, Kind: Planewise, TakesObjects: true, Measures: true,
		Summary:    "Measure size, shape and position of objects, in pixels, under CellProfiler's names (AreaShape_…, Location_…).",
		Reference:  "scikit-image measure.regionprops; CellProfiler MeasureObjectSizeShape",
		Parameters: MeasureShape{},
		Apply: measure(func(_ *imaging.Plane, l *imaging.Labels, row func(int, string, float64)) {
			for _, r := range imaging.RegionProps(l) {
				for _, f := range shapeFeatures(r) {
					row(r.Label, f.name, f.value)
				}
			}
		}),
	}
}

type feature struct {
	name  string
	value float64
}

// shapeFeatures lists a region under CellProfiler's names. Bounding boxes end
// with the first row and column outside; the orientation is in degrees.
func shapeFeatures(r imaging.Region) []feature {
	return []feature{
		{"AreaShape_Area", float64(r.Area)},
		{"AreaShape_BoundingBoxArea", float64((r.Bottom - r.Top) * (r.Right - r.Left))},
		{"AreaShape_BoundingBoxMaximum_X", float64(r.Right)},
		{"AreaShape_BoundingBoxMaximum_Y", float64(r.Bottom)},
		{"AreaShape_BoundingBoxMinimum_X", float64(r.Left)},
		{"AreaShape_BoundingBoxMinimum_Y", float64(r.Top)},
		{"AreaShape_Center_X", r.CentreX},
		{"AreaShape_Center_Y", r.CentreY},
		{"AreaShape_ConvexArea", float64(r.ConvexArea)},
		{"AreaShape_Eccentricity", r.Eccentricity},
		{"AreaShape_EquivalentDiameter", r.EquivalentDiameter()},
		{"AreaShape_Extent", r.Extent()},
		{"AreaShape_FormFactor", r.FormFactor()},
		{"AreaShape_MajorAxisLength", r.MajorAxis},
		{"AreaShape_MinorAxisLength", r.MinorAxis},
		{"AreaShape_Orientation", r.Orientation * (180 / math.Pi)},
		{"AreaShape_Perimeter", r.Perimeter},
		{"AreaShape_Solidity", r.Solidity()},
		{"Location_Center_X", r.CentreX},
		{"Location_Center_Y", r.CentreY},
	}
}

func measureIntensity() Definition {
	return Definition{
		Name: "measure_intensity", Version: 1, Kind: Planewise, TakesObjects: true, Measures: true,
		Summary:    "Measure the brightness of objects in the image's own units, under CellProfiler's names (Intensity_…). The image passes through unchanged.",
		Reference:  "scikit-image measure.regionprops(intensity_image); CellProfiler MeasureObjectIntensity",
		Parameters: MeasureIntensity{},
		Apply: measure(func(p *imaging.Plane, l *imaging.Labels, row func(int, string, float64)) {
			for _, r := range imaging.Intensities(p, l) {
				row(r.Label, "Intensity_IntegratedIntensity", r.Integrated)
				row(r.Label, "Intensity_LowerQuartileIntensity", r.LowerQuartile)
				row(r.Label, "Intensity_MaxIntensity", r.Max)
				row(r.Label, "Intensity_MeanIntensity", r.Mean)
				row(r.Label, "Intensity_MedianIntensity", r.Median)
				row(r.Label, "Intensity_MinIntensity", r.Min)
				row(r.Label, "Intensity_StdIntensity", r.StdDev)
				row(r.Label, "Intensity_UpperQuartileIntensity", r.UpperQuartile)
			}
		}),
	}
}
