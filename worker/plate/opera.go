package plate

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// operaImage is an <Image> of Harmony's index. Everything is text: one odd
// value must not cost the whole plate.
type operaImage struct {
	URL              string
	Row              string
	Col              string
	FieldID          string
	PlaneID          string
	TimepointID      string
	ChannelID        string
	ChannelName      string
	ImageResolutionX measure
	PositionX        measure
	PositionY        measure
}

// operaEntry is a channel's <Entry> in <Maps>; newer versions of Harmony keep
// what is the same for all images of a channel there.
type operaEntry struct {
	ChannelID        string `xml:"ChannelID,attr"`
	ChannelName      string
	ImageResolutionX measure
}

// measure is a number with a unit of length.
type measure struct {
	Unit string `xml:"Unit,attr"`
	Text string `xml:",chardata"`
}

// micrometres returns the length in µm; metres are the default.
func (m measure) micrometres() (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(m.Text), 64)
	switch strings.ToLower(m.Unit) {
	case "um", "µm", "μm":
	case "mm":
		v *= 1e3
	default:
		v *= 1e6
	}
	return v, err == nil && v > -1e9 && v < 1e9
}

// readOperaIndex reads Index.idx.xml (Operetta and Opera Phenix, Harmony). It
// streams: the index of a large plate has hundreds of megabytes.
func readOperaIndex(r io.Reader) (*metadata, error) {
	m := &metadata{}
	unusable := 0
	err := eachElement(r, func(d *xml.Decoder, parent string, start xml.StartElement) (bool, error) {
		switch {
		case parent == "Plate" && (start.Name.Local == "Name" || start.Name.Local == "PlateID"):
			var text string
			err := d.DecodeElement(&text, &start)
			if text = strings.TrimSpace(text); text != "" && (m.name == "" || start.Name.Local == "Name") {
				m.name = text
			}
			return true, err
		case parent == "Map" && start.Name.Local == "Entry":
			var e operaEntry
			if err := d.DecodeElement(&e, &start); err != nil {
				return true, err
			}
			m.nameChannel(number(e.ChannelID), strings.TrimSpace(e.ChannelName))
			m.calibrate(e.ImageResolutionX)
			return true, nil
		case parent == "Images" && start.Name.Local == "Image":
			var image operaImage
			if err := d.DecodeElement(&image, &start); err != nil {
				return true, err
			}
			if len(m.files) == maxFiles {
				return true, fmt.Errorf("it lists more than %d images", maxFiles)
			}
			if !m.addOpera(image) {
				unusable++
			}
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.files) == 0 {
		return nil, errors.New("it lists no images")
	}
	if unusable > 0 {
		m.warnings = append(m.warnings, fmt.Sprintf("%d images in the index have no usable file name, well or number and were left out", unusable))
	}
	return m, nil
}

func (m *metadata) addOpera(image operaImage) bool {
	well, ok := wellAt(image.Row, image.Col)
	c := Coordinates{Well: well, Site: number(image.FieldID), Channel: number(image.ChannelID), ZIndex: number(image.PlaneID), Timepoint: "1"}
	if id := strings.TrimSpace(image.TimepointID); id != "" {
		n, err := strconv.Atoi(id) // from 0, where file names count from 1
		ok = ok && err == nil && n >= 0
		c.Timepoint = strconv.Itoa(n + 1)
	}
	if c.ZIndex == "" {
		c.ZIndex = "1"
	}
	url := path.Clean(strings.ReplaceAll(strings.TrimSpace(image.URL), `\`, "/"))
	if !ok || url == "." || !isNumber(c.Site) || !isNumber(c.Channel) || !isNumber(c.ZIndex) {
		return false
	}
	m.files = append(m.files, namedFile{c, url})
	m.nameChannel(c.Channel, strings.TrimSpace(image.ChannelName))
	m.calibrate(image.ImageResolutionX)
	x, okX := image.PositionX.micrometres()
	y, okY := image.PositionY.micrometres()
	if okX && okY {
		m.place(Position{Well: well, Site: c.Site, X: x, Y: y})
	}
	return true
}

func (m *metadata) calibrate(pixel measure) {
	if size, ok := pixel.micrometres(); ok && m.pixelSize == 0 {
		m.pixelSize = plausiblePixelSize(size)
	}
}

func isNumber(s string) bool { return s != "" && leadingDigits(s) == len(s) && len(s) <= 9 }

// eachElement streams XML and calls visit with every start element and the name
// of the element around it; visit says whether it consumed the element.
func eachElement(r io.Reader, visit func(d *xml.Decoder, parent string, start xml.StartElement) (bool, error)) error {
	const deepest = 100
	d := xml.NewDecoder(r)
	d.CharsetReader = xmlCharset
	parents := []string{""}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			consumed, err := visit(d, parents[len(parents)-1], token)
			if err != nil {
				return err
			}
			if consumed {
				continue
			}
			if len(parents) == deepest {
				return fmt.Errorf("its elements are more than %d deep", deepest)
			}
			parents = append(parents, token.Name.Local)
		case xml.EndElement:
			parents = parents[:len(parents)-1]
		}
	}
}
