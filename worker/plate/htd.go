package plate

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxHTD bounds a .HTD file: that of a 1536-well plate has about 20 KiB.
const maxHTD = 1 << 20

// readHTD reads the .HTD file of a MetaXpress export: lines of a quoted key and
// comma-separated values, in whatever encoding the computer had.
func readHTD(r io.Reader) (*metadata, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxHTD+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxHTD {
		return nil, fmt.Errorf("it is longer than %d bytes", maxHTD)
	}
	keys := make(map[string][]string)
	for line := range strings.Lines(latin1(data)) {
		if fields := splitHTD(line); len(fields) > 0 {
			keys[fields[0]] = fields[1:]
		}
	}
	if _, ok := keys["HTSInfoFile"]; !ok {
		return nil, errors.New(`it has no "HTSInfoFile" line`)
	}
	m := &metadata{timepoints: htdInt(keys, "TimePoints", 1)}
	if htdBool(keys, "ZSeries") {
		m.planes = htdInt(keys, "ZSteps", 0)
	}
	rows := min(htdInt(keys, "YWells", 0), maxRows)
	columns := min(htdInt(keys, "XWells", 0), maxColumns)
	for row := range rows {
		for column, value := range keys[fmt.Sprintf("WellsSelection%d", row+1)] {
			if column < columns && isTrue(value) {
				m.wells = append(m.wells, wellName(row, column))
			}
		}
	}
	m.sites = htdSites(keys)
	for i := range min(htdInt(keys, "NWavelengths", 0), 64) {
		channel := strconv.Itoa(i + 1)
		// WaveCollect 0: defined, but not collected.
		if collect, ok := keys["WaveCollect"+channel]; !ok || htdValue(collect) != "0" {
			m.channels = append(m.channels, channel)
		}
		m.nameChannel(channel, htdValue(keys["WaveName"+channel]))
	}
	return m, nil
}

func htdSites(keys map[string][]string) siteSelection {
	if !htdBool(keys, "Sites") {
		return siteSelection{grid: []string{"1"}, selected: 1}
	}
	const most = 100
	columns := min(htdInt(keys, "XSites", 1), most)
	rows := min(htdInt(keys, "YSites", 1), most)
	var s siteSelection
	for row := range rows {
		for column, value := range keys[fmt.Sprintf("SiteSelection%d", row+1)] {
			if column < columns && isTrue(value) {
				s.grid = append(s.grid, strconv.Itoa(row*columns+column+1))
			}
		}
	}
	s.selected = len(s.grid)
	return s
}

// splitHTD splits a line at the commas outside quotes and drops the quotes.
func splitHTD(line string) []string {
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	var fields []string
	quoted := false
	start := 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i < len(line) && line[i] == '"':
			quoted = !quoted
		case i == len(line) || line[i] == ',' && !quoted:
			fields = append(fields, strings.Trim(strings.TrimSpace(line[start:i]), `"`))
			start = i + 1
		}
	}
	return fields
}

func htdValue(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func htdInt(keys map[string][]string, key string, fallback int) int {
	n, err := strconv.Atoi(htdValue(keys[key]))
	if err != nil || n < 0 {
		return fallback
	}
	return n
}

func htdBool(keys map[string][]string, key string) bool { return isTrue(htdValue(keys[key])) }

func isTrue(s string) bool { return strings.EqualFold(s, "TRUE") }
