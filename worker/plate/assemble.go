package plate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// builder collects what an index is made of.
type builder struct {
	*Index
	c        *candidate
	prefixes map[string]string // prefix of the names → its first file
	images   []placed
	oddNames []string // TIFF files the grammar does not read
	notes    []string // sentences of the explanation
}

// placed is an image with what the grid needs to judge it.
type placed struct {
	Image
	prefix string
	z      string // z as found, "" none
	folder bool   // z comes from a ZStep folder
}

// assemble makes the index of a candidate.
func assemble(root string, c *candidate) (*Index, error) {
	b := &builder{
		Index:    &Index{Root: absolute(root, c.path), Format: c.format.name},
		c:        c,
		prefixes: make(map[string]string),
	}
	var m *metadata
	if c.file != "" {
		var err error
		if m, err = c.format.load(absolute(root, c.file)); err != nil {
			b.warn("%s was not used: %v", under(c.path, c.file), err)
			m = nil
		}
	}
	var err error
	if m != nil && m.files != nil {
		err = b.fromList(m)
	} else {
		err = b.fromNames(m)
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		b.ChannelNames, b.PixelSize = m.channelNames, m.pixelSize
		b.Warnings = append(b.Warnings, m.warnings...)
		b.placeSites(m)
	}
	b.Name = b.plateName(m)
	if b.PixelSize == 0 {
		// ImageXpress keeps it in every image's description. An image that
		// cannot be read is its own well's business, not the plate's.
		if h, err := ReadHeader(b.Path(b.Images[0])); err == nil {
			b.PixelSize = h.PixelSize
		}
	}
	b.Explanation = strings.Join(b.notes, " ")
	return b.Index, nil
}

func (b *builder) warn(format string, args ...any) {
	b.Warnings = append(b.Warnings, fmt.Sprintf(format, args...))
}

func (b *builder) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// fromList makes the index of a plate whose metadata name every image.
func (b *builder) fromList(m *metadata) error {
	base := path.Dir(b.c.file)
	present := make(map[string]bool, b.c.images)
	for _, f := range b.c.folders {
		for _, name := range f.images {
			present[path.Join(f.path, name)] = true
		}
	}
	listed := make(map[string]bool, len(m.files))
	for _, f := range m.files {
		file := path.Join(base, f.path)
		if listed[file] {
			continue
		}
		listed[file] = true
		if present[file] {
			b.images = append(b.images, placed{Image: Image{Coordinates: f.Coordinates, Path: under(b.c.path, file)}})
		} else {
			b.Missing = append(b.Missing, f.Coordinates)
		}
	}
	b.note("%s: %s lists %d images; %d are there.", b.Format, path.Base(b.c.file), len(listed), len(b.images))
	if len(b.images) == 0 {
		return fmt.Errorf("%s lists %d images, but none of them is there", under(b.c.path, b.c.file), len(listed))
	}
	var extra []string
	for _, f := range b.c.folders {
		for _, name := range f.images {
			if file := path.Join(f.path, name); !listed[file] {
				extra = append(extra, under(b.c.path, file))
			}
		}
	}
	if len(extra) > 0 {
		b.warn("%d TIFF files that %s does not list were left out: %s", len(extra), path.Base(b.c.file), some(extra, 3))
	}
	if err := b.settle(); err != nil {
		return err
	}
	slices.SortFunc(b.Missing, Coordinates.Compare)
	b.Missing = slices.Compact(b.Missing)
	return nil
}

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

// settle sorts the images, drops repeats and refuses two plates in one folder.
func (b *builder) settle() error {
	slices.SortFunc(b.images, func(p, q placed) int {
		if c := p.Compare(q.Coordinates); c != 0 {
			return c
		}
		return CompareNatural(p.Path, q.Path)
	})
	repeats, example := 0, ""
	for i := range b.images {
		this := b.images[i]
		if i > 0 && this.Coordinates == b.images[i-1].Coordinates {
			if before := b.images[i-1]; this.prefix != before.prefix {
				return fmt.Errorf("two plates share the folder: %s and %s are both %s; put each plate in a folder of its own", before.Path, this.Path, this.Coordinates)
			}
			if repeats++; repeats == 1 {
				example = fmt.Sprintf("%s and %s are both %s", b.Images[len(b.Images)-1].Path, this.Path, this.Coordinates)
			}
			continue
		}
		b.Images = append(b.Images, this.Image)
	}
	if repeats > 0 {
		b.warn("%d images repeat the coordinates of another and were left out: %s", repeats, example)
	}
	slices.SortFunc(b.Projections, func(p, q Image) int {
		if c := p.Compare(q.Coordinates); c != 0 {
			return c
		}
		return CompareNatural(p.Path, q.Path)
	})
	return nil
}

// placeSites keeps the positions of sites that have images.
func (b *builder) placeSites(m *metadata) {
	seen := make(map[wellSite]bool)
	for _, i := range b.Images {
		key := wellSite{i.Well, i.Site}
		if p, ok := m.positions[key]; ok && !seen[key] {
			seen[key] = true
			b.Positions = append(b.Positions, p)
		}
	}
	slices.SortFunc(b.Positions, func(p, q Position) int {
		return cmp.Or(CompareWells(p.Well, q.Well), CompareNatural(p.Site, q.Site))
	})
}

// plateName is the metadata's name, else the prefix all images share, else the
// folder's name. A folder's name that begins with the prefix says more: the
// prefix of exported plates is the experiment's.
func (b *builder) plateName(m *metadata) string {
	if m != nil && m.name != "" {
		return m.name
	}
	folder := path.Base(path.Clean(strings.ReplaceAll(b.Root, `\`, "/")))
	if strings.EqualFold(folder, "Images") && b.Format == "Opera" {
		folder = path.Base(path.Dir(strings.ReplaceAll(b.Root, `\`, "/")))
	}
	if len(b.prefixes) != 1 {
		return folder
	}
	for prefix := range b.prefixes {
		if prefix != "" && !strings.HasPrefix(folder, prefix) {
			return prefix
		}
	}
	return folder
}
