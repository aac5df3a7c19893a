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

// readMeasurementData reads MeasurementData.mlf, CellVoyager's list of images.
func readMeasurementData(r io.Reader) (*metadata, error) {
	m := &metadata{}
	failed, unusable := 0, 0
	err := eachElement(r, func(d *xml.Decoder, _ string, start xml.StartElement) (bool, error) {
		if start.Name.Local != "MeasurementRecord" {
			return false, nil
		}
		a := attributes(start)
		var name string
		if err := d.DecodeElement(&name, &start); err != nil {
			return true, err
		}
		if len(m.files) == maxFiles {
			return true, fmt.Errorf("it lists more than %d images", maxFiles)
		}
		switch {
		case a["Type"] != "IMG": // ERR: the instrument failed to take it
			failed++
		case !m.addRecord(a, strings.TrimSpace(name)):
			unusable++
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.files) == 0 {
		return nil, errors.New("it lists no images")
	}
	if failed > 0 {
		m.warnings = append(m.warnings, fmt.Sprintf("the instrument recorded %d images as failed", failed))
	}
	if unusable > 0 {
		m.warnings = append(m.warnings, fmt.Sprintf("%d records of images have no usable file name, well or number and were left out", unusable))
	}
	return m, nil
}

func (m *metadata) addRecord(a map[string]string, name string) bool {
	well, ok := wellAt(a["Row"], a["Column"])
	c := Coordinates{Well: well, Site: number(a["FieldIndex"]), Channel: number(a["Ch"]), ZIndex: number(a["ZIndex"]), Timepoint: number(a["TimePoint"])}
	if !ok || name == "" || !isNumber(c.Site) || !isNumber(c.Channel) || !isNumber(c.ZIndex) || !isNumber(c.Timepoint) {
		return false
	}
	m.files = append(m.files, namedFile{c, path.Clean(strings.ReplaceAll(name, `\`, "/"))})
	x, errX := strconv.ParseFloat(a["X"], 64)
	y, errY := strconv.ParseFloat(a["Y"], 64)
	if errX == nil && errY == nil && x == x && y == y { // a number, not NaN
		m.place(Position{Well: well, Site: c.Site, X: x, Y: y})
	}
	return true
}

// readMeasurementDetail reads MeasurementDetail.mrf: title and pixel size.
func readMeasurementDetail(r io.Reader) (*metadata, error) {
	m := &metadata{}
	err := eachElement(r, func(_ *xml.Decoder, _ string, start xml.StartElement) (bool, error) {
		a := attributes(start)
		switch start.Name.Local {
		case "MeasurementDetail":
			m.name = a["Title"]
		case "MeasurementChannel":
			if size, err := strconv.ParseFloat(a["HorizontalPixelDimension"], 64); err == nil && m.pixelSize == 0 {
				m.pixelSize = plausiblePixelSize(size)
			}
		}
		return false, nil
	})
	return m, err
}

func attributes(start xml.StartElement) map[string]string {
	a := make(map[string]string, len(start.Attr))
	for _, attr := range start.Attr {
		a[attr.Name.Local] = attr.Value
	}
	return a
}
