package plate

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
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
