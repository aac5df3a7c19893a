package plate

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// format is one instrument's way of laying out a plate.
type format struct {
	name     string
	grammar  grammar
	metadata string // what its metadata file is called, for messages
	// isMetadata reports whether a file is this format's metadata.
	isMetadata func(name string) bool
	// load reads the metadata file at path. Nil for a format without.
	load func(path string) (*metadata, error)
	// steps: TimePoint_n and ZStep_n folders belong to the plate around them.
	steps bool
}

// formats are tried in this order; metadata decide before names do.
func formats() []*format {
	return []*format{
		{
			name: "Opera", grammar: operaNames, metadata: "Index.idx.xml",
			isMetadata: func(name string) bool {
				return strings.EqualFold(name, "Index.idx.xml") || strings.EqualFold(name, "Index.xml")
			},
			load: func(p string) (*metadata, error) { return readMetadata(p, readOperaIndex) },
		},
		{
			name: "CellVoyager", grammar: cellVoyagerNames, metadata: "MeasurementData.mlf",
			isMetadata: func(name string) bool { return strings.EqualFold(name, "MeasurementData.mlf") },
			load:       loadCellVoyager,
		},
		{
			name: "Cellomics", grammar: cellomicsNames,
			isMetadata: func(string) bool { return false },
		},
		{
			name: "ImageXpress", grammar: imageXpressNames, metadata: ".HTD file", steps: true,
			isMetadata: func(name string) bool { return strings.EqualFold(path.Ext(name), ".HTD") },
			load:       func(p string) (*metadata, error) { return readMetadata(p, readHTD) },
		},
	}
}

func loadCellVoyager(p string) (*metadata, error) {
	m, err := readMetadata(p, readMeasurementData)
	if err != nil {
		return nil, err
	}
	detail, err := readMetadata(filepath.Join(filepath.Dir(p), "MeasurementDetail.mrf"), readMeasurementDetail)
	if err != nil {
		m.warnings = append(m.warnings, fmt.Sprintf("no name and no pixel size: MeasurementDetail.mrf: %v", err))
		return m, nil
	}
	m.name, m.pixelSize = detail.name, detail.pixelSize
	return m, nil
}

// candidate is a folder that may be a plate, with the step folders below it.
type candidate struct {
	path    string // below the walked root
	folders []folder
	format  *format
	matched int // names the format's grammar reads
	images  int
	file    string // metadata file, below the walked root; "" none
}

// candidates groups folders into plates and finds the format of each. Folders
// in which no format recognises anything are dropped.
func candidates(l *listing) []*candidate {
	byPath := make(map[string]*candidate)
	var all []*candidate
	for _, f := range l.folders {
		at := plateOf(f.path)
		c := byPath[at]
		if c == nil {
			c = &candidate{path: at}
			byPath[at] = c
			all = append(all, c)
		}
		c.folders = append(c.folders, f)
		c.images += len(f.images)
	}
	all = slices.DeleteFunc(all, func(c *candidate) bool { return !c.recognise() })
	slices.SortFunc(all, func(a, b *candidate) int { return CompareNatural(a.path, b.path) })
	return all
}

// plateOf strips TimePoint_n and ZStep_n from the end of a folder's path.
func plateOf(at string) string {
	for at != "." {
		if _, _, ok := stepOf(path.Base(at)); !ok {
			break
		}
		at = path.Dir(at)
	}
	return at
}

// recognise picks the format: the one whose metadata are there, else the one
// whose grammar reads most of the names.
func (c *candidate) recognise() bool {
	for _, f := range formats() {
		if file := c.metadataFile(f); file != "" {
			c.format, c.file, c.matched = f, file, c.count(f)
			return true
		}
	}
	for _, f := range formats() {
		if n := c.count(f); n > c.matched {
			c.format, c.matched = f, n
		}
	}
	return c.format != nil
}

// metadataFile returns a format's metadata file nearest to the plate's folder.
func (c *candidate) metadataFile(f *format) string {
	best := ""
	for _, folder := range c.folders {
		for _, name := range folder.metadata {
			file := path.Join(folder.path, name)
			if f.isMetadata(name) && (best == "" || strings.Count(file, "/") < strings.Count(best, "/")) {
				best = file
			}
		}
	}
	return best
}

func (c *candidate) count(f *format) int {
	n := 0
	for _, folder := range c.folders {
		for _, name := range folder.images {
			if _, ok := f.grammar.parse(name); ok {
				n++
			}
		}
	}
	return n
}

func (c *candidate) describe() string {
	return fmt.Sprintf("%s (%s, %d TIFF files)", c.path, c.format.name, c.images)
}
