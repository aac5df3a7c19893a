package plate

import (
	"fmt"
	"io"
	"os"
)

// metadata is what an instrument's own files say about a plate. A format fills
// what it has: either files (every image named one by one) or a grid.
type metadata struct {
	name         string            // the plate's
	files        []namedFile       // every image, in the file's order
	wells        []string          // selected, canonical
	sites        siteSelection     // selected
	channels     []string          // collected
	timepoints   int               // 0 unknown
	planes       int               // 0 unknown
	channelNames map[string]string // channel value → name
	pixelSize    float64           // µm
	positions    map[wellSite]Position
	warnings     []string
}

type wellSite struct{ well, site string }

// namedFile is one image as the metadata list it.
type namedFile struct {
	Coordinates
	path string // below the metadata file's folder, slash-separated
}

// siteSelection is which fields of a grid were imaged. Whether a site's number
// is its place in the grid or its place among those selected, the metadata do
// not say; the file names do.
type siteSelection struct {
	grid     []string // the numbers of the selected places, row by row
	selected int
}

// values returns the sites expected, given those that have images.
func (s siteSelection) values(seen []string) []string {
	if s.selected == 0 {
		return nil
	}
	inGrid := make(map[string]bool, len(s.grid))
	for _, g := range s.grid {
		inGrid[g] = true
	}
	sequence := make([]string, s.selected)
	inSequence := make(map[string]bool, s.selected)
	for i := range sequence {
		sequence[i] = fmt.Sprint(i + 1)
		inSequence[sequence[i]] = true
	}
	for _, site := range seen {
		if !inSequence[site] && inGrid[site] {
			return s.grid
		}
	}
	return sequence
}

func (m *metadata) nameChannel(channel, name string) {
	if name == "" {
		return
	}
	if m.channelNames == nil {
		m.channelNames = make(map[string]string)
	}
	m.channelNames[channel] = name
}

func (m *metadata) place(p Position) {
	if m.positions == nil {
		m.positions = make(map[wellSite]Position)
	}
	key := wellSite{p.Well, p.Site}
	if _, known := m.positions[key]; !known {
		m.positions[key] = p
	}
}

// readMetadata opens a metadata file and hands it, as UTF-8, to a reader.
func readMetadata(path string, read func(io.Reader) (*metadata, error)) (*metadata, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	text, err := utf8Text(f)
	if err != nil {
		return nil, err
	}
	return read(text)
}
