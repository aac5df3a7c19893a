package plate

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// grammar is how a format names its image files. The pattern is matched against
// the base name without its extension; its groups are prefix, well (or row and
// column as numbers), site, channel, z and time, each of which may be absent; a
// 2 after a name marks an alternative.
type grammar struct {
	example string
	pattern func() *regexp.Regexp
}

// compiledOnce compiles a pattern when it is first used: a worker uses none, and
// all of them together would be a tenth of what its start costs.
func compiledOnce(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// guid is what ImageXpress puts after the last part of a raw file's name,
// without a separator: "_w1" + "401562CF-…" is channel 1.
const guid = `[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`

var (
	imageXpressNames = grammar{
		"<plate>_A01[_s1][_w1][GUID].tif",
		compiledOnce(`^(?:(?P<prefix>.+?)_)?(?P<well>[A-Z]{1,2}[0-9]{1,2})(?:_s(?P<site>[0-9]{1,5}))?(?:_w(?P<channel>[0-9]{1,3}))?(?:_z(?P<z>[0-9]{1,5}))?(?:_t(?P<time>[0-9]{1,6}))?(?:` + guid + `)?$`),
	}
	cellomicsNames = grammar{
		"<plate>_A01f00d0.TIF",
		compiledOnce(`^(?:(?P<prefix>.+?)_)?(?P<well>[A-Z]{1,2}[0-9]{2})(?:f(?P<site>[0-9]{1,4})(?:d(?P<channel>[0-9]{1,2}))?|d(?P<channel2>[0-9]{1,2}))$`),
	}
	operaNames = grammar{
		"r01c01f01p01-ch1sk1fk1fl1.tiff",
		compiledOnce(`^r(?P<row>[0-9]{1,3})c(?P<column>[0-9]{1,3})f(?P<site>[0-9]{1,5})p(?P<z>[0-9]{1,5})-ch(?P<channel>[0-9]{1,3})(?:t(?P<time>[0-9]{1,6}))?(?:sk(?P<time2>[0-9]{1,6}))?(?:fk[0-9]{1,4})?(?:fl[0-9]{1,4})?$`),
	}
	cellVoyagerNames = grammar{
		"<plate>_A01_T0001F001L01A01Z01C01.tif",
		compiledOnce(`^(?:(?P<prefix>.+?)_)?(?P<well>[A-Z]{1,2}[0-9]{2})_T(?P<time>[0-9]{1,6})F(?P<site>[0-9]{1,5})L[0-9]{1,3}A[0-9]{1,3}Z(?P<z>[0-9]{1,5})C(?P<channel>[0-9]{1,3})$`),
	}
)

// parsedName is what a file name says; parts it lacks are "".
type parsedName struct {
	Coordinates
	prefix string
}

// parse reads a base name with its extension.
func (g grammar) parse(name string) (parsedName, bool) {
	pattern := g.pattern()
	m := pattern.FindStringSubmatch(strings.TrimSuffix(name, path.Ext(name)))
	if m == nil {
		return parsedName{}, false
	}
	var p parsedName
	var row, column string
	for i, group := range pattern.SubexpNames() {
		if m[i] == "" {
			continue
		}
		switch strings.TrimSuffix(group, "2") {
		case "prefix":
			p.prefix = m[i]
		case "well":
			p.Well = m[i]
		case "row":
			row = m[i]
		case "column":
			column = m[i]
		case "site":
			p.Site = number(m[i])
		case "channel":
			p.Channel = number(m[i])
		case "z":
			p.ZIndex = number(m[i])
		case "time":
			p.Timepoint = number(m[i])
		}
	}
	var ok bool
	if row != "" {
		p.Well, ok = wellAt(row, column)
	} else {
		var err error
		p.Well, err = CanonicalWell(p.Well)
		ok = err == nil
	}
	// "A01.tif" alone says too little: it may be anything.
	return p, ok && (p.prefix != "" || p.Site != "" || p.Channel != "")
}

// wellAt names the well at a row and column, given as text, from 1.
func wellAt(row, column string) (string, bool) {
	r, err := strconv.Atoi(strings.TrimSpace(row))
	c, err2 := strconv.Atoi(strings.TrimSpace(column))
	if err != nil || err2 != nil || r < 1 || r > maxRows || c < 1 || c > maxColumns {
		return "", false
	}
	return wellName(r-1, c-1), true
}

// number drops leading zeros: "007" is "7", "00" is "0".
func number(digits string) string {
	digits = strings.TrimSpace(digits)
	if s := strings.TrimLeft(digits, "0"); s != "" || digits == "" {
		return s
	}
	return "0"
}

var stepFolder = compiledOnce(`(?i)^(TimePoint|ZStep)_([0-9]{1,6})$`)

// stepOf reads the name of one of ImageXpress's folders: TimePoint_2, ZStep_10.
func stepOf(folder string) (component, value string, ok bool) {
	m := stepFolder().FindStringSubmatch(folder)
	if m == nil {
		return "", "", false
	}
	if strings.EqualFold(m[1], "ZStep") {
		return enums.ZIndex, number(m[2]), true
	}
	return enums.Timepoint, number(m[2]), true
}

// isImage reports whether a file name ends like a TIFF's.
func isImage(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".tif" || ext == ".tiff"
}

// isThumbnail reports whether a file is ImageXpress's small copy of an image.
func isThumbnail(name string) bool { return strings.Contains(strings.ToLower(name), "_thumb") }
