package plate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// fromNames makes the index of a plate from its file names, and what is missing
// from the metadata's selection or, without, from the plate's own grid.
func (b *builder) fromNames(m *metadata) error {
	for _, f := range b.c.folders {
		b.addFolder(f)
	}
	if len(b.images) == 0 {
		return fmt.Errorf("%s is there, but no image named like %s", under(b.c.path, b.c.file), b.c.format.grammar.example)
	}
	b.note("%s: %d of %d TIFF names look like %s.", b.Format, len(b.images), b.c.images, b.c.format.grammar.example)
	if m != nil {
		b.note("%s says which wells, sites and channels were selected.", under(b.c.path, b.c.file))
	} else if b.c.format.metadata != "" && b.c.file == "" {
		b.note("There is no %s; what is expected is the grid of all images.", b.c.format.metadata)
	}
	if len(b.oddNames) > 0 {
		b.warn("%d TIFF files with other names were left out: %s", len(b.oddNames), some(b.oddNames, 3))
	}
	b.separateProjections()
	b.assume()
	if err := b.settle(); err != nil {
		return err
	}
	b.findMissing(m)
	return nil
}

// addFolder parses one folder's names.
func (b *builder) addFolder(f folder) {
	var z, timepoint string
	if b.c.format.steps {
		for part := range strings.SplitSeq(under(b.c.path, f.path), "/") {
			switch component, value, ok := stepOf(part); {
			case ok && component == enums.ZIndex:
				z = value
			case ok:
				timepoint = value
			}
		}
	}
	for _, name := range f.images {
		file := under(b.c.path, path.Join(f.path, name))
		p, ok := b.c.format.grammar.parse(name)
		if !ok {
			b.oddNames = append(b.oddNames, file)
			continue
		}
		i := placed{Image: Image{Coordinates: p.Coordinates, Path: file}, prefix: p.prefix, z: p.ZIndex}
		if z != "" {
			i.z, i.folder = z, true
		}
		if timepoint != "" {
			i.Timepoint = timepoint
		}
		if first, known := b.prefixes[p.prefix]; !known || file < first {
			b.prefixes[p.prefix] = file
		}
		b.images = append(b.images, i)
	}
}

// separateProjections takes the instrument's projections out of the z stack:
// images outside the ZStep folders of a plate that has some, and ZStep_0, which
// MetaXpress exports beside ZStep_1 and up.
func (b *builder) separateProjections() {
	stacked := slices.ContainsFunc(b.images, func(i placed) bool { return i.z != "" && !(i.folder && i.z == "0") })
	b.images = slices.DeleteFunc(b.images, func(i placed) bool {
		projection := stacked && (i.z == "" || i.folder && i.z == "0")
		if projection {
			i.ZIndex = ""
			b.Projections = append(b.Projections, i.Image)
		}
		return projection
	})
	for n := range b.images {
		b.images[n].ZIndex = b.images[n].z
	}
	if len(b.Projections) == 0 {
		return
	}
	b.note("%d images beside the z planes (outside the ZStep folders, or in ZStep_0) are projections the instrument made; they are listed, but are not part of the z stack.", len(b.Projections))
	planes := make(map[string]bool)
	for _, i := range b.images {
		planes[i.Channel] = true
	}
	var only []string
	for _, p := range b.Projections {
		if !planes[p.Channel] && !slices.Contains(only, p.Channel) {
			only = append(only, p.Channel)
		}
	}
	slices.SortFunc(only, CompareNatural)
	if len(only) > 0 {
		b.warn("channel %s exists only as a projection, not among the z planes", strings.Join(only, ", "))
	}
}

// assume fills in the parts that names lack with "1" and says so.
func (b *builder) assume() {
	for _, part := range []struct{ component, text string }{
		{enums.Site, "site"},
		{enums.Channel, "channel"},
		{enums.ZIndex, "z plane"},
		{enums.Timepoint, "time point"},
	} {
		filled := 0
		fill := func(c *Coordinates) {
			if c.Get(part.component) == "" {
				*c = c.With(part.component, "1")
				filled++
			}
		}
		for i := range b.images {
			fill(&b.images[i].Coordinates)
		}
		switch {
		case filled == 0:
		case filled == len(b.images):
			b.note("Names give no %s; it is 1.", part.text)
		default:
			b.warn("%d of %d names give no %s; it was taken as 1", filled, len(b.images), part.text)
		}
		if part.component != enums.ZIndex {
			for i := range b.Projections {
				fill(&b.Projections[i].Coordinates)
			}
		}
	}
}
