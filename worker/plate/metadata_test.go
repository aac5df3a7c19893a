package plate

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

const htd = "\"HTSInfoFile\", Version 1.0\r\n\"Description\", \"a, \xb5m\"\r\n\"TimePoints\", 2\r\n\"ZSeries\", TRUE\r\n\"ZSteps\", 3\r\n" +
	"\"XWells\", 3\r\n\"YWells\", 2\r\n\"WellsSelection1\", TRUE, FALSE, TRUE\r\n\"WellsSelection2\", FALSE, FALSE, FALSE\r\n" +
	"\"Sites\", TRUE\r\n\"XSites\", 2\r\n\"YSites\", 2\r\n\"SiteSelection1\", TRUE, FALSE\r\n\"SiteSelection2\", FALSE, TRUE\r\n" +
	"\"NWavelengths\", 2\r\n\"WaveName1\", \"DAPI\"\r\n\"WaveName2\", \"\xb5Cy5\"\r\n\"WaveCollect1\", 1\r\n\"WaveCollect2\", 0\r\n\"EndFile\"\r\n"

// encodeUTF16 writes a byte-order mark and s.
func encodeUTF16(order binary.AppendByteOrder, s string) []byte {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func (m *metadata) check(t *testing.T) {
	t.Helper()
	if strings.Join(m.wells, " ") != "A01 A03" || m.timepoints != 2 || m.planes != 3 ||
		strings.Join(m.channels, " ") != "1" || m.channelNames["2"] != "µCy5" ||
		strings.Join(m.sites.grid, " ") != "1 4" || m.sites.selected != 2 {
		t.Errorf("%+v", m)
	}
}

func TestHTDInAnyEncoding(t *testing.T) {
	t.Parallel()
	text := latin1([]byte(htd))
	for name, data := range map[string][]byte{
		"latin-1":             []byte(htd),
		"utf-8":               []byte(text),
		"utf-8 with mark":     []byte("\ufeff" + text),
		"utf-16 little":       encodeUTF16(binary.LittleEndian, text),
		"utf-16 big":          encodeUTF16(binary.BigEndian, text),
		"unix line ends":      []byte(strings.ReplaceAll(text, "\r\n", "\n")),
		"spaces after commas": []byte(strings.ReplaceAll(text, ", ", ",   ")),
	} {
		file := filepath.Join(t.TempDir(), "p.HTD")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := readMetadata(file, readHTD)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m.check(t)
	}
}

func TestHTDSaysWhichImagesAreMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"selected sites numbered in sequence", []string{"p_A01_s1_w1.tif", "p_A03_s2_w1.tif"}, "A01/2 A03/1"},
		{"selected sites numbered by place", []string{"p_A01_s1_w1.tif", "p_A03_s4_w1.tif"}, "A01/4 A03/1"},
		{"a whole well", []string{"p_A01_s1_w1.tif", "p_A01_s2_w1.tif"}, "A03/1 A03/2"},
	} {
		dir := t.TempDir()
		touch(t, dir, c.files...)
		if err := os.WriteFile(filepath.Join(dir, "p.HTD"), []byte(htd), 0o644); err != nil {
			t.Fatal(err)
		}
		x := mustOpen(t, dir)
		var got []string
		for _, m := range x.Missing {
			got = append(got, m.Well+"/"+m.Site)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: missing %v", c.name, got)
		}
	}
}

func TestUnusableMetadataFallBackToNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "r01c01f01p01-ch1sk1fk1fl1.tiff")
	if err := os.WriteFile(filepath.Join(dir, "Index.idx.xml"), []byte("<Evaluation"), 0o644); err != nil {
		t.Fatal(err)
	}
	x := mustOpen(t, dir)
	if len(x.Images) != 1 || len(x.Warnings) != 1 || !strings.Contains(x.Warnings[0], "Index.idx.xml was not used") {
		t.Errorf("%v %q", x.Images, x.Warnings)
	}
}

const operaIndex = `<?xml version="1.0" encoding="utf-8"?><E><Plates><Plate><PlateID>id</PlateID><Name>P &amp; Q</Name></Plate></Plates>
<Wells><Well><Row>1</Row><Image id="x"/></Well></Wells>
<Maps><Map><Entry ChannelID="2"><ChannelName>GFP</ChannelName><ImageResolutionX Unit="m">3E-07</ImageResolutionX></Entry></Map></Maps>
<Images>
<Image><URL>r01c02f03p04-ch2sk6fk1fl1.tiff</URL><Row>1</Row><Col>2</Col><FieldID>3</FieldID><PlaneID>4</PlaneID><TimepointID>5</TimepointID><ChannelID>2</ChannelID><PositionX Unit="m">1E-06</PositionX><PositionY Unit="m">-2E-06</PositionY></Image>
<Image><URL>../../etc/passwd.tiff</URL><Row>1</Row><Col>3</Col><FieldID>3</FieldID><PlaneID>4</PlaneID><TimepointID>5</TimepointID><ChannelID>2</ChannelID></Image>
<Image><URL></URL><Row>1</Row><Col>2</Col></Image>
<Image><URL>x.tiff</URL><Row>99</Row><Col>2</Col><FieldID>3</FieldID><ChannelID>2</ChannelID></Image>
</Images></E>`

func TestOperaIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "r01c02f03p04-ch2sk6fk1fl1.tiff", "r01c02f03p04-ch3sk6fk1fl1.tiff")
	if err := os.WriteFile(filepath.Join(dir, "index.xml"), encodeUTF16(binary.LittleEndian, strings.Replace(operaIndex, "utf-8", "utf-16", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	x := mustOpen(t, dir)
	if x.Name != "P & Q" || len(x.Images) != 1 || x.Images[0].Coordinates != (Coordinates{"A02", "3", "2", "4", "6"}) {
		t.Errorf("%s %v", x.Name, x.Images)
	}
	if len(x.Missing) != 1 || x.Missing[0].Well != "A03" { // a path out of the plate is a missing file
		t.Errorf("missing %v", x.Missing)
	}
	if x.PixelSize < 0.2999 || x.PixelSize > 0.3001 || x.ChannelNames["2"] != "GFP" || len(x.Positions) != 1 || x.Positions[0].Well != "A02" {
		t.Errorf("%g %v %v", x.PixelSize, x.ChannelNames, x.Positions)
	}
	if len(x.Warnings) != 2 {
		t.Errorf("%q", x.Warnings)
	}
}

func FuzzHTD(f *testing.F) {
	f.Add([]byte(htd))
	f.Add([]byte("\ufeff" + htd))
	f.Add([]byte("\"HTSInfoFile\"\n\"XWells\", 99999999999\n\"XSites\", -1\n\"Sites\", TRUE"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := utf8Text(bytes.NewReader(data))
		if err != nil {
			return
		}
		m, err := readHTD(text)
		if err != nil {
			return
		}
		for _, well := range m.wells {
			if name, err := CanonicalWell(well); err != nil || name != well {
				t.Errorf("well %q", well)
			}
		}
		m.sites.values([]string{"4"})
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(operaIndex))
	f.Add([]byte(`<MeasurementData><MeasurementRecord Type="IMG" Row="4" Column="8" TimePoint="1" FieldIndex="1" ZIndex="1" Ch="1" X="1" Y="2">a.tif</MeasurementRecord></MeasurementData>`))
	f.Add([]byte(`<?xml version="1.0" encoding="latin1"?><MeasurementDetail Title="x"><MeasurementChannel HorizontalPixelDimension="0.3"/></MeasurementDetail>`))
	f.Add([]byte("\xff\xfe<\x00a\x00>\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func(io.Reader) (*metadata, error){readOperaIndex, readMeasurementData, readMeasurementDetail} {
			text, err := utf8Text(bytes.NewReader(data))
			if err != nil {
				return
			}
			m, err := read(text)
			if err != nil {
				continue
			}
			for _, i := range m.files {
				if well, err := CanonicalWell(i.Well); err != nil || well != i.Well || i.path == "" {
					t.Errorf("%+v", i)
				}
			}
		}
	})
}
