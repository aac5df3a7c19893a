package logfile

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is one line of a log.
type Entry struct {
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []Attr // in the line's order
	Source  string // what the file is called for people: "server-7777", "P1-2aef6374"
	Raw     string // the line as it is in the file
}

// Attr is a key with its value as text.
type Attr struct{ Key, Value string }

// Get returns the value of a key, the last one when it is there twice.
func (e Entry) Get(key string) string {
	for i := len(e.Attrs) - 1; i >= 0; i-- {
		if e.Attrs[i].Key == key {
			return e.Attrs[i].Value
		}
	}
	return ""
}

// parse reads a line of slog's text form. Any other line becomes the message of
// an entry at the time of the line before it.
func parse(line string, before time.Time) Entry {
	e := Entry{Time: before, Raw: line}
	fields, ok := split(line)
	if !ok || len(fields) < 3 || fields[0].Key != slog.TimeKey || fields[1].Key != slog.LevelKey || fields[2].Key != slog.MessageKey {
		e.Message = line
		return e
	}
	at, err := time.Parse(time.RFC3339Nano, fields[0].Value)
	if err != nil || e.Level.UnmarshalText([]byte(fields[1].Value)) != nil {
		e.Message = line
		return e
	}
	e.Time, e.Message = at.UTC(), fields[2].Value
	for _, f := range fields[3:] {
		if slices.Contains(e.Attrs, f) {
			continue // a folded line says its well twice
		}
		e.Attrs = append(e.Attrs, f)
	}
	return e
}

// split takes a line of key=value pairs apart; false when it is none.
func split(line string) ([]Attr, bool) {
	var fields []Attr
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		equals := strings.IndexByte(line, '=')
		if equals < 1 {
			return nil, false
		}
		f := Attr{Key: line[:equals]}
		line = line[equals+1:]
		if strings.HasPrefix(line, `"`) {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, false
			}
			if f.Value, err = strconv.Unquote(quoted); err != nil {
				return nil, false
			}
			line = line[len(quoted):]
		} else if space := strings.IndexByte(line, ' '); space >= 0 {
			f.Value, line = line[:space], line[space:]
		} else {
			f.Value, line = line, ""
		}
		if strings.HasPrefix(f.Key, `"`) {
			key, err := strconv.Unquote(f.Key)
			if err != nil {
				return nil, false
			}
			f.Key = key
		}
		fields = append(fields, f)
	}
	return fields, true
}
