package plate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// layout is where a synthetic plate's files go; everything counts from 0.
type layout interface {
	folders() []string
	file(well string, site, channel, z, timepoint int) string // below the plate
	description() string                                      // of every image
	writeMetadata(dir string) error
}

func layoutOf(s Synthesis) layout {
	if s.Layout == LayoutOpera {
		return operaLayout{s}
	}
	return imageXpressLayout{s}
}

// imageXpressLayout writes what MetaXpress exports: step folders where there is
// more than one step, a .HTD file, the pixel size in every description.
type imageXpressLayout struct{ s Synthesis }

func (l imageXpressLayout) folder(z, timepoint int) string {
	var parts []string
	if l.s.Timepoints > 1 || l.s.Planes > 1 {
		parts = append(parts, fmt.Sprintf("TimePoint_%d", timepoint+1))
	}
	if l.s.Planes > 1 {
		parts = append(parts, fmt.Sprintf("ZStep_%d", z+1))
	}
	return filepath.Join(parts...)
}

func (l imageXpressLayout) folders() []string {
	var all []string
	for t := range l.s.Timepoints {
		for z := range l.s.Planes {
			all = append(all, l.folder(z, t))
		}
	}
	return all
}

func (l imageXpressLayout) file(well string, site, channel, z, timepoint int) string {
	return filepath.Join(l.folder(z, timepoint), fmt.Sprintf("%s_%s_s%d_w%d.tif", l.s.Name, well, site+1, channel+1))
}

func (l imageXpressLayout) description() string {
	var b strings.Builder
	b.WriteString("<MetaData>\n<PlaneInfo>\n")
	for _, p := range [][3]string{
		{"spatial-calibration-state", "bool", "on"},
		{"spatial-calibration-x", "float", fmt.Sprint(l.s.PixelSize)},
		{"spatial-calibration-y", "float", fmt.Sprint(l.s.PixelSize)},
		{"spatial-calibration-units", "string", "um"},
	} {
		fmt.Fprintf(&b, "<prop id=%q type=%q value=%q/>\n", p[0], p[1], p[2])
	}
	b.WriteString("</PlaneInfo>\n</MetaData>\n")
	return b.String()
}

func (l imageXpressLayout) writeMetadata(dir string) error {
	var b bytes.Buffer
	line := func(key string, values ...any) {
		fmt.Fprintf(&b, "%q", key)
		for _, v := range values {
			fmt.Fprintf(&b, ", %v", v)
		}
		b.WriteString("\r\n")
	}
	truth := func(v bool) string { return strings.ToUpper(fmt.Sprint(v)) }
	flags := func(n int, on func(i int) bool) []any {
		values := make([]any, n)
		for i := range values {
			values[i] = truth(on(i))
		}
		return values
	}
	rows, columns := l.s.size()
	line("HTSInfoFile", "Version 1.0")
	line("Description", `"synthetic"`)
	line("TimePoints", l.s.Timepoints)
	line("ZSeries", truth(l.s.Planes > 1))
	line("ZSteps", l.s.Planes)
	line("ZProjection", "FALSE")
	line("XWells", columns)
	line("YWells", rows)
	for row := range rows {
		line(fmt.Sprintf("WellsSelection%d", row+1), flags(columns, func(column int) bool {
			return slices.Contains(l.s.WellNames, wellName(row, column))
		})...)
	}
	line("Sites", "TRUE")
	line("XSites", l.s.Columns)
	line("YSites", l.s.Rows)
	for row := range l.s.Rows {
		line(fmt.Sprintf("SiteSelection%d", row+1), flags(l.s.Columns, func(int) bool { return true })...)
	}
	line("Waves", "TRUE")
	line("NWavelengths", l.s.Channels)
	for c := range l.s.Channels {
		line(fmt.Sprintf("WaveName%d", c+1), fmt.Sprintf("%q", channelName(c)))
		line(fmt.Sprintf("WaveCollect%d", c+1), 1)
	}
	line("EndFile")
	return os.WriteFile(filepath.Join(dir, l.s.Name+".HTD"), b.Bytes(), 0o644)
}

func channelName(channel int) string {
	if channel == 0 {
		return "Nuclei"
	}
	return fmt.Sprintf("Body %d", channel)
}

// operaLayout writes what Harmony exports: Images/ with an index beside them.
type operaLayout struct{ s Synthesis }

func (l operaLayout) folders() []string   { return []string{"Images"} }
func (l operaLayout) description() string { return "" }

func (l operaLayout) file(well string, site, channel, z, timepoint int) string {
	return filepath.Join("Images", l.url(well, site, channel, z, timepoint))
}

func (l operaLayout) url(well string, site, channel, z, timepoint int) string {
	row, column, _ := parseWell(well) // canonical: defaults saw to it
	return fmt.Sprintf("r%02dc%02df%02dp%02d-ch%dsk%dfk1fl1.tiff", row+1, column+1, site+1, z+1, channel+1, timepoint+1)
}

func (l operaLayout) writeMetadata(dir string) error {
	rows, columns := l.s.size()
	var b bytes.Buffer
	b.WriteString("\ufeff" + `<?xml version="1.0" encoding="utf-8"?>` + "\n")
	b.WriteString(`<EvaluationInputData Version="1" xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">` + "\n")
	// The name's characters need no escaping: defaults saw to it.
	fmt.Fprintf(&b, "<Plates><Plate><PlateID>%[1]s</PlateID><Name>%[1]s</Name><PlateRows>%[2]d</PlateRows><PlateColumns>%[3]d</PlateColumns></Plate></Plates>\n", l.s.Name, rows, columns)
	b.WriteString("<Images>\n")
	for _, well := range l.s.WellNames {
		row, column, _ := parseWell(well)
		for site := range l.s.Rows * l.s.Columns {
			x, y := l.s.stage(site)
			for t := range l.s.Timepoints {
				for c := range l.s.Channels {
					for z := range l.s.Planes {
						fmt.Fprintf(&b, "<Image><State>Ok</State><URL>%s</URL><Row>%d</Row><Col>%d</Col><FieldID>%d</FieldID><PlaneID>%d</PlaneID><TimepointID>%d</TimepointID><ChannelID>%d</ChannelID><ChannelName>%s</ChannelName>",
							l.url(well, site, c, z, t), row+1, column+1, site+1, z+1, t, c+1, channelName(c))
						fmt.Fprintf(&b, `<ImageResolutionX Unit="m">%.9E</ImageResolutionX><ImageResolutionY Unit="m">%.9E</ImageResolutionY>`, l.s.PixelSize/1e6, l.s.PixelSize/1e6)
						fmt.Fprintf(&b, `<ImageSizeX>%d</ImageSizeX><ImageSizeY>%d</ImageSizeY>`, l.s.Width, l.s.Height)
						fmt.Fprintf(&b, `<PositionX Unit="m">%.9E</PositionX><PositionY Unit="m">%.9E</PositionY><PositionZ Unit="m">%.9E</PositionZ></Image>`+"\n", x/1e6, y/1e6, float64(z)/1e6)
					}
				}
			}
		}
	}
	b.WriteString("</Images>\n</EvaluationInputData>\n")
	return os.WriteFile(filepath.Join(dir, "Images", "Index.idx.xml"), b.Bytes(), 0o644)
}
