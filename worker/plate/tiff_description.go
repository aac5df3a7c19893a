package plate

import (
	"strconv"
)

// maxDescription is how much of an image's description is read.
const maxDescription = 64 << 10

// description returns the text of ImageDescription, cut at 64 KiB; "" if none.
func (t *tiffFile) description() string {
	entry, ok := t.tags[tagDescription]
	n := t.order.Uint32(entry[4:])
	if !ok || t.order.Uint16(entry[2:]) != 2 || n <= 4 {
		return ""
	}
	text := make([]byte, min(n, maxDescription))
	if t.readAt(text, int64(t.order.Uint32(entry[8:]))) != nil {
		return ""
	}
	return string(text)
}

var calibration = compiledOnce(`id="spatial-calibration-(state|x|units)"[^>]*value="([^"]*)"`)

// metaSeriesPixelSize finds the pixel size in µm in the description that
// MetaXpress and MetaMorph write; 0 when it is not calibrated.
func metaSeriesPixelSize(description string) float64 {
	found := make(map[string]string)
	for _, m := range calibration().FindAllStringSubmatch(description, 3) {
		found[m[1]] = m[2]
	}
	size, err := strconv.ParseFloat(found["x"], 64)
	if err != nil || found["state"] != "on" || found["units"] != "um" {
		return 0
	}
	return plausiblePixelSize(size)
}

// plausiblePixelSize returns a pixel size in µm, or 0 when no microscope has it.
func plausiblePixelSize(size float64) float64 {
	if size > 1e-4 && size < 1e4 {
		return size
	}
	return 0
}
