package plate

import (
	"fmt"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Inspection is all that `plate inspect` prints.
type Inspection struct {
	Root         string            `json:"root"`
	Name         string            `json:"name"`
	Format       string            `json:"format"`
	Explanation  string            `json:"explanation"`
	Wells        []string          `json:"wells"`
	Sites        []string          `json:"sites"`
	Channels     []string          `json:"channels"`
	ChannelNames map[string]string `json:"channel_names,omitempty"`
	ZIndexes     []string          `json:"z_indexes"`
	Timepoints   []string          `json:"timepoints"`
	Images       int               `json:"images"`
	Shapes       []Shape           `json:"shapes"` // one when all channels are alike
	PixelSize    float64           `json:"pixel_size_um,omitempty"`
	Missing      []Coordinates     `json:"missing"`
	Projections  []Image           `json:"projections"`
	Positions    []Position        `json:"positions,omitempty"`
	Warnings     []string          `json:"warnings"`
}

// Shape is the size and type of the images of some channels, from the header of
// one image of each.
type Shape struct {
	Width       int             `json:"width"`
	Height      int             `json:"height"`
	Type        enums.PixelType `json:"type"`
	Compression string          `json:"compression"`
	Channels    []string        `json:"channels"`
}

// Inspect sums up the index. It reads one image header per channel; a header
// that cannot be read is a warning.
func (x *Index) Inspect() Inspection {
	in := Inspection{
		Root:         x.Root,
		Name:         x.Name,
		Format:       x.Format,
		Explanation:  x.Explanation,
		Wells:        x.Wells(),
		Sites:        x.Values(enums.Site),
		Channels:     x.Values(enums.Channel),
		ChannelNames: x.ChannelNames,
		ZIndexes:     x.Values(enums.ZIndex),
		Timepoints:   x.Values(enums.Timepoint),
		Images:       len(x.Images),
		PixelSize:    x.PixelSize,
		Missing:      append([]Coordinates{}, x.Missing...), // [], not null
		Projections:  append([]Image{}, x.Projections...),
		Positions:    x.Positions,
		Warnings:     append([]string{}, x.Warnings...),
	}
	for _, channel := range in.Channels {
		first := slices.IndexFunc(x.Images, func(i Image) bool { return i.Channel == channel })
		h, err := ReadHeader(x.Path(x.Images[first]))
		if err != nil {
			in.Warnings = append(in.Warnings, fmt.Sprintf("size and type of channel %s are unknown: %v", channel, err))
			continue
		}
		if h.Pages {
			in.Warnings = append(in.Warnings, fmt.Sprintf("%s holds several images: only the first is read", x.Images[first].Path))
		}
		in.addShape(h, channel)
	}
	return in
}

func (in *Inspection) addShape(h Header, channel string) {
	for i, s := range in.Shapes {
		if s.Width == h.Width && s.Height == h.Height && s.Type == h.Type && s.Compression == h.Compression {
			in.Shapes[i].Channels = append(s.Channels, channel)
			return
		}
	}
	in.Shapes = append(in.Shapes, Shape{h.Width, h.Height, h.Type, h.Compression, []string{channel}})
}

// Path returns where an image of the plate is.
func (x *Index) Path(i Image) string { return absolute(x.Root, i.Path) }
