package logfile

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Filter chooses entries; the zero value lets all pass.
type Filter struct {
	Level slog.Leveler   // least severe; nil = all
	Well  string         // only what is about this well
	Grep  *regexp.Regexp // must match the line
}

func (f Filter) passes(e Entry) bool {
	return (f.Level == nil || e.Level >= f.Level.Level()) &&
		(f.Well == "" || strings.EqualFold(e.Get("well"), f.Well)) &&
		(f.Grep == nil || f.Grep.MatchString(e.Raw))
}

// Read returns the entries of the files that pass, by time. A file that is gone
// meanwhile is left out: it was folded into another.
func Read(files []File, filter Filter) ([]Entry, error) {
	f := NewFollow(func() ([]File, error) { return files, nil }, filter)
	entries, err := f.Next()
	if err == nil {
		var rest []Entry
		f.choose = func() ([]File, error) { return nil, nil } // what has no end of line yet
		rest, err = f.Next()
		entries = append(entries, rest...)
	}
	byTime(entries)
	return entries, errors.Join(err, f.Close())
}

func byTime(entries []Entry) {
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
}

// reader reads a log as it grows.
type reader struct {
	log  File
	file *os.File
	rest []byte    // of a line whose end is not written yet
	last time.Time // of the last entry that had a time
}

func open(f File) (*reader, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &reader{log: f, file: file, last: f.Modified}, nil
}

func (r *reader) close() error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// next returns what was written since the last call. A line without its end is
// kept for the next one, unless this is the last.
func (r *reader) next(filter Filter, last bool) ([]Entry, error) {
	var found []Entry
	lines := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(r.rest), r.file), 64<<10)
	r.rest = nil
	for {
		line, err := lines.ReadBytes('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return found, fmt.Errorf("read log: %w", err)
		}
		if !whole && !last {
			r.rest = line
			return found, nil
		}
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			e := r.entry(text)
			if filter.passes(e) {
				found = append(found, e)
			}
		}
		if !whole {
			return found, nil
		}
	}
}

func (r *reader) entry(line string) Entry {
	e := parse(strings.ToValidUTF8(line, "�"), r.last)
	r.last, e.Source = e.Time, r.log.Name()
	if r.log.Kind == KindWorker && e.Get("well") == "" {
		e.Attrs = append(e.Attrs, Attr{"well", r.log.Well}, Attr{"attempt", fmt.Sprint(r.log.Attempt)})
	}
	return e
}
