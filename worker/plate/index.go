package plate

import (
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Image is one file of a plate: one plane of one channel of one field.
type Image struct {
	Coordinates
	Path        string `json:"path"`                   // relative to [Index.Root], slash-separated
	ImageNumber int    `json:"image_number,omitempty"` // of its image set, set when a pipeline is compiled; 0 before
}

// Position is where the stage stood for a field, in µm, as the instrument
// wrote it (Opera/Operetta, CellVoyager).
type Position struct {
	Well string  `json:"well"`
	Site string  `json:"site"`
	X    float64 `json:"x_um"`
	Y    float64 `json:"y_um"`
}

// Index is what is on a plate.
type Index struct {
	Root         string            `json:"root"`                    // absolute folder the image paths are relative to
	Name         string            `json:"name"`                    // the plate's name
	Format       string            `json:"format"`                  // "ImageXpress", "Cellomics", "Opera", "CellVoyager"
	Explanation  string            `json:"explanation"`             // why this format, and what was assumed
	Images       []Image           `json:"images"`                  // in natural order: well, timepoint, site, channel, z
	Projections  []Image           `json:"projections,omitempty"`   // z projections the instrument stored beside its planes; not part of Images; ZIndex is absent
	Missing      []Coordinates     `json:"missing,omitempty"`       // expected by the metadata or the plate's own grid, but not there
	Warnings     []string          `json:"warnings,omitempty"`      // what looked odd
	PixelSize    float64           `json:"pixel_size_um,omitempty"` // edge of a pixel in µm; 0 unknown
	ChannelNames map[string]string `json:"channel_names,omitempty"` // channel value → name in the metadata
	Positions    []Position        `json:"positions,omitempty"`     // stage positions, where known, in natural order
}

// Wells returns the wells that have images, in natural order.
func (x *Index) Wells() []string { return x.Values(enums.Well) }

// Values returns the values a component takes among the images, in natural
// order; none for an unknown component.
func (x *Index) Values(component string) []string {
	seen := make(map[string]bool)
	var values []string
	for i := range x.Images {
		if v := x.Images[i].Get(component); v != "" && !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	if component == enums.Well {
		slices.SortFunc(values, CompareWells)
	} else {
		slices.SortFunc(values, CompareNatural)
	}
	return values
}

// Number gives the images their numbers: image sets — same well, time point,
// site and z plane — count from 1 in natural order over the whole plate.
func (x *Index) Number() {
	slices.SortStableFunc(x.Images, func(a, b Image) int { return a.Compare(b.Coordinates) })
	sets := make(map[Coordinates]int)
	var order []Coordinates
	for i := range x.Images {
		c := x.Images[i].Without(enums.Channel)
		if _, known := sets[c]; !known {
			sets[c] = 0
			order = append(order, c)
		}
	}
	slices.SortFunc(order, Coordinates.Compare)
	for i, c := range order {
		sets[c] = i + 1
	}
	for i := range x.Images {
		x.Images[i].ImageNumber = sets[x.Images[i].Without(enums.Channel)]
	}
}
