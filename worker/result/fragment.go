package result

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	fragmentSuffix = ".fragment"
	fragmentKind   = "wellhouse.fragment"
	// maxFragmentHeader bounds the first line of a fragment: room for some ten
	// thousand columns.
	maxFragmentHeader = 4 << 20
)

// fragmentHeader is the first line of a fragment: what a merge has to know of
// a well's table without reading its rows.
type fragmentHeader struct {
	Schema  int      `json:"schema"`
	Kind    string   `json:"kind"`
	Table   string   `json:"table"`
	Columns []Column `json:"columns"`
	Rows    int      `json:"rows"`
	// Totals sums each numeric column in row order, so that a well's mean is
	// the same whoever merges it. Missing and infinite values are left out.
	Totals []total `json:"totals"`
}

type total struct {
	Count int     `json:"n"`
	Sum   float64 `json:"sum"`
}

func (t total) mean() float64 {
	if t.Count == 0 {
		return math.NaN()
	}
	return t.Sum / float64(t.Count)
}

// WriteFragment writes a well's part of a plate table to
// dir/tables/<name>.fragment: a header line in JSON, then CSV. It is written
// whole or not at all, and replaces an earlier one. Of the options only [WithStep]
// means something here.
func WriteFragment(dir string, t *Table, opts ...Option) error {
	return writeFragment(fileSystemOf(opts), dir, t)
}

func writeFragment(fsys fileSystem, dir string, t *Table) error {
	if err := CheckTableName(t.Name); err != nil {
		return fmt.Errorf("write fragment: %w", err)
	}
	header, err := json.Marshal(t.header())
	if err != nil {
		return fmt.Errorf("write fragment %s: %w", t.Name, err)
	}
	if err := fsys.step("mkdir", filepath.Join(dir, tablesDir)); err != nil {
		return err
	}
	if err := MakeWithin(dir, tablesDir); err != nil {
		return fmt.Errorf("write fragment %s: %w", t.Name, err)
	}
	// Not flushed: WriteOutcome does that before it vouches for the file.
	err = fsys.writeAside(fragmentPath(dir, t.Name), func(w io.Writer) error {
		if _, err := w.Write(append(header, '\n')); err != nil {
			return err
		}
		return t.WriteCSV(w)
	})
	if err != nil {
		return fmt.Errorf("write fragment %s: %w", t.Name, err)
	}
	return nil
}

func fragmentPath(dir, table string) string {
	return filepath.Join(dir, tablesDir, table+fragmentSuffix)
}

func (t *Table) header() fragmentHeader {
	h := fragmentHeader{Schema: recordSchema, Kind: fragmentKind, Table: t.Name, Columns: t.Columns, Rows: t.rows, Totals: make([]total, len(t.Columns))}
	for i, values := range t.numbers {
		for _, v := range values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				h.Totals[i].Count++
				h.Totals[i].Sum += v
			}
		}
		if math.IsInf(h.Totals[i].Sum, 0) { // cannot be written as JSON
			h.Totals[i] = total{}
		}
	}
	return h
}

// ReadFragment reads a well's part of the named table back. The error is
// fs.ErrNotExist when there is none, [ErrInvalid] when it is damaged.
func ReadFragment(dir, name string) (*Table, error) {
	f, err := openFragment(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.table()
}

// table reads all rows.
func (r *fragmentReader) table() (*Table, error) {
	t, err := NewTable(r.header.Table, r.header.Columns...)
	if err != nil {
		return nil, r.damaged(err)
	}
	cells := make([]Cell, len(t.Columns))
	for {
		record, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, field := range record {
			if cells[i], err = parseCell(t.Columns[i].Kind, field); err != nil {
				return nil, r.damaged(fmt.Errorf("row %d, column %q: %w", t.rows+1, t.Columns[i].Name, err))
			}
		}
		if err := t.Append(cells...); err != nil {
			return nil, r.damaged(err)
		}
	}
	return t, nil
}

func parseCell(kind Kind, field string) (Cell, error) {
	switch {
	case kind == Text:
		return TextCell(field), nil
	case field == "":
		return MissingCell(), nil
	case kind == Integer:
		n, err := strconv.ParseInt(field, 10, 64)
		return Cell{kind: Integer, number: float64(n)}, err
	}
	v, err := strconv.ParseFloat(field, 64)
	return NumberCell(v), err
}

// fragmentReader reads a fragment row by row, or copies its rows as they are.
type fragmentReader struct {
	header fragmentHeader
	path   string
	file   io.Closer
	buffer *bufio.Reader
	rows   *csv.Reader // set once rows are parsed
	read   int
}

func openFragment(dir, name string) (*fragmentReader, error) {
	path := fragmentPath(dir, name)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open fragment: %w", err)
	}
	r, err := newFragmentReader(file, path, name)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// newFragmentReader reads the header and leaves the rest to come; path is for
// messages.
func newFragmentReader(file io.ReadCloser, path, name string) (*fragmentReader, error) {
	r := &fragmentReader{path: path, file: file, buffer: bufio.NewReaderSize(file, 64<<10)}
	var err error
	if r.header, err = readHeader(r.buffer, name); err != nil {
		return nil, r.damaged(err)
	}
	return r, nil
}

// readHeader consumes the JSON line and the line of column names after it.
func readHeader(b *bufio.Reader, name string) (fragmentHeader, error) {
	line, err := readLine(b)
	if err != nil {
		return fragmentHeader{}, err
	}
	var h fragmentHeader
	if err := strictJSON(line, &h); err != nil {
		return fragmentHeader{}, err
	}
	switch {
	case h.Kind != fragmentKind || h.Schema != recordSchema:
		return fragmentHeader{}, fmt.Errorf("is %q schema %d, want %q schema %d", h.Kind, h.Schema, fragmentKind, recordSchema)
	case h.Table != name:
		return fragmentHeader{}, fmt.Errorf("holds table %q, not %q", h.Table, name)
	case len(h.Totals) != len(h.Columns) || h.Rows < 0:
		return fragmentHeader{}, errors.New("header contradicts itself")
	}
	seen := make(map[string]bool, len(h.Columns))
	for _, c := range h.Columns {
		if err := checkColumn(c); err != nil {
			return fragmentHeader{}, err
		}
		if seen[c.Name] {
			return fragmentHeader{}, fmt.Errorf("column %q twice", c.Name)
		}
		seen[c.Name] = true
	}
	var want bytes.Buffer
	w := bufio.NewWriter(&want)
	writeHeader(w, h.Columns)
	if err := w.Flush(); err != nil {
		return fragmentHeader{}, err
	}
	if line, err = readLine(b); err != nil {
		return fragmentHeader{}, err
	}
	if !bytes.Equal(line, want.Bytes()) {
		return fragmentHeader{}, errors.New("column names contradict the header")
	}
	return h, nil
}

func readLine(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("header is cut off: %w", err)
		case len(line) > maxFragmentHeader:
			return nil, fmt.Errorf("header is longer than %d bytes", maxFragmentHeader)
		}
	}
}

// next returns the next row's fields, valid until the call after it; io.EOF
// after as many rows as the header promises.
func (r *fragmentReader) next() ([]string, error) {
	if r.rows == nil {
		r.rows = csv.NewReader(r.buffer)
		r.rows.ReuseRecord = true
		r.rows.FieldsPerRecord = len(r.header.Columns)
	}
	record, err := r.rows.Read()
	switch {
	case errors.Is(err, io.EOF) && r.read == r.header.Rows:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, r.damaged(fmt.Errorf("has %d rows, header says %d", r.read, r.header.Rows))
	case err != nil:
		return nil, r.damaged(err)
	case r.read == r.header.Rows:
		return nil, r.damaged(fmt.Errorf("has more rows than the %d of its header", r.header.Rows))
	}
	r.read++
	return record, nil
}

// copyRows writes all rows as they are.
func (r *fragmentReader) copyRows(w io.Writer) error {
	_, err := r.buffer.WriteTo(w)
	return err
}

func (r *fragmentReader) damaged(err error) error { return &DamagedError{Path: r.path, Err: err} }

func (r *fragmentReader) Close() error { return r.file.Close() }

// fragmentNames lists the tables among an attempt's files, sorted.
func fragmentNames(files []FileDigest) []string {
	var names []string
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.Path, tablesDir+"/"); ok && strings.HasSuffix(name, fragmentSuffix) {
			names = append(names, strings.TrimSuffix(name, fragmentSuffix))
		}
	}
	slices.Sort(names)
	return names
}
