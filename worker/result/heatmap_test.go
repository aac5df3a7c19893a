package result

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// drawn makes a plate map without a folder. WELLHOUSE_DRAWINGS keeps it there.
func drawn(t *testing.T, name, plate string, wells []string, value func(i int) float64, status func(i int) enums.WellStatus) *scene {
	t.Helper()
	p := &mergePlan{job: Job{Plate: plate}, folder: &Folder{}}
	table := must[*Table](t)(NewTable("x"))
	check0(t, table.AddColumn(Column{Name: "Count_Nuclei", Kind: Number, Unit: "Nuclei per well"}))
	for i, well := range wells {
		w := &plannedWell{jobResult: jobResult{Well: well, Status: status(i)}}
		if w.Status == enums.WellFailed {
			w.Reason = enums.ReasonPanic
		}
		p.wells = append(p.wells, w)
		check0(t, table.Append(NumberCell(value(i))))
	}
	s := p.heatmap(table)
	if dir := os.Getenv("WELLHOUSE_DRAWINGS"); dir != "" {
		for suffix, write := range map[string]func(io.Writer) error{".svg": s.writeSVG, ".png": s.writePNG} {
			f := must[*os.File](t)(os.Create(filepath.Join(dir, name+suffix)))
			check0(t, write(f))
			check0(t, f.Close())
		}
	}
	return s
}

func allWells(rows, columns int) []string {
	var wells []string
	for r := range rows {
		for c := range columns {
			wells = append(wells, fmt.Sprintf("%s%02d", rowName(r), c+1))
		}
	}
	return wells
}

func mixed(i int) enums.WellStatus {
	switch {
	case i%17 == 3:
		return enums.WellFailed
	case i%29 == 8:
		return enums.WellCancelled
	case i%31 == 12:
		return enums.WellPending
	}
	return enums.WellComplete
}

func allComplete(int) enums.WellStatus { return enums.WellComplete }

func TestHeatmapDrawsEveryPlate(t *testing.T) {
	t.Parallel()
	wave := func(i int) float64 { return math.Round(400 + 380*math.Sin(float64(i)/7)) }
	none := func(int) float64 { return math.NaN() }
	for _, c := range []struct {
		name, plate string
		wells       []string
		value       func(int) float64
		status      func(int) enums.WellStatus
	}{
		{"96", "Transfluor <96> & \"more\"", allWells(8, 12), wave, mixed},
		{"96_two", "Two wells", []string{"A01", "B02"}, wave, allComplete},
		{"96_fraction", "Fractions", allWells(8, 12)[:40], func(i int) float64 { return 0.01 + float64(i)/997 }, mixed},
		{"384_row", "transfluor row O", allWells(16, 24)[14*24 : 15*24], wave, mixed},
		{"384", "A plate with a very long name that goes on and on and on until it does not fit the drawing any more, and then some more of it to be sure", allWells(16, 24), func(i int) float64 { return wave(i) * 31 }, mixed},
		{"1536", "Big", allWells(32, 48), wave, mixed},
		{"one_value", "One value", []string{"C03"}, func(int) float64 { return 7 }, allComplete},
		{"all_failed", "All failed", allWells(8, 12), none, func(int) enums.WellStatus { return enums.WellFailed }},
		{"named", "Slides", []string{"slide_1", "slide_2", "a long slide name", "A01"}, wave, func(i int) enums.WellStatus { return mixed(i + 2) }},
		{"odd", "Beyond 1536", []string{"A01", "AK60"}, wave, allComplete},
		{"none", "No wells", nil, wave, allComplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := drawn(t, c.name, c.plate, c.wells, c.value, c.status)
			var vector, pixels, again bytes.Buffer
			check0(t, s.writeSVG(&vector))
			check0(t, s.writePNG(&pixels))
			for d := xml.NewDecoder(&vector); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("SVG: %v", err)
				}
			}
			check0(t, drawn(t, c.name, c.plate, c.wells, c.value, c.status).writePNG(&again))
			if !bytes.Equal(pixels.Bytes(), again.Bytes()) {
				t.Error("drawing twice gives different bytes")
			}
			config, err := png.DecodeConfig(&pixels)
			check0(t, err)
			if config.Width != int(math.Ceil(s.width*normalDensity)) {
				t.Errorf("PNG is %d wide, want %g", config.Width, s.width*normalDensity)
			}
		})
	}
}

func TestHeatmapColoursTheRightWell(t *testing.T) {
	t.Parallel()
	s := drawn(t, "place", "P", allWells(8, 12), func(i int) float64 { return float64(i) }, allComplete)
	var pixels bytes.Buffer
	check0(t, s.writePNG(&pixels))
	img, err := png.Decode(&pixels)
	check0(t, err)
	l := layoutOf(allWells(8, 12))
	left, top := margin+l.letters*2, margin+headHeight+l.letters*1.6
	for _, c := range []struct {
		row, column int
		want        color.NRGBA
	}{{0, 0, viridis(0)}, {7, 11, viridis(1)}, {3, 5, viridis(41.0 / 95)}} {
		scaled := (&canvas{density: normalDensity}).scaled
		x, y := scaled(left+float64(c.column)*l.cell+4), scaled(top+float64(c.row)*l.cell+4)
		if got := color.NRGBAModel.Convert(img.At(x, y)); got != c.want {
			t.Errorf("well %s%02d is %v, want %v", rowName(c.row), c.column+1, got, c.want)
		}
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 7: "7", 1234: "1234", 12345: "12.3k", 1234567: "1.23M", 0.5: "0.5", 0.012345: "0.0123",
		12.345: "12.3", 123.45: "123", -3.25: "-3.25", 1e-5: "1.0e-05", 2e9: "2G", 0.30000000000000004: "0.3",
	} {
		if got := compact(v); got != want {
			t.Errorf("compact(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestTicksLieInTheSpan(t *testing.T) {
	t.Parallel()
	for _, s := range []span{{0, 87}, {20, 780}, {-3, 3}, {1e-9, 3e-9}, {5, 5}, {1e12, 1.5e12}} {
		ticks := s.ticks(6)
		if len(ticks) == 0 || len(ticks) > 8 {
			t.Errorf("%v: %d ticks", s, len(ticks))
		}
		for _, tick := range ticks {
			if slack := (s.high - s.low) * 1e-6; tick < s.low-slack || tick > s.high+slack {
				t.Errorf("%v: tick %v is outside", s, tick)
			}
		}
	}
}
