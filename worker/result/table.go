package result

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a column holds.
type Kind string

// The kinds of columns.
const (
	Text    Kind = "text"
	Integer Kind = "integer" // exact up to ±2^53
	Number  Kind = "number"
)

// Column describes one column of a table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Unit string `json:"unit,omitempty"` // such as "px" or "px²"; shown in the heatmap's legend
}

// Cell is one value of a row.
type Cell struct {
	kind   Kind
	text   string
	number float64
}

// TextCell holds a string; the empty one is a missing value.
func TextCell(s string) Cell { return Cell{kind: Text, text: s} }

// IntegerCell holds a whole number.
func IntegerCell(i int) Cell { return Cell{kind: Integer, number: float64(i)} }

// NumberCell holds a number; NaN is a missing value.
func NumberCell(f float64) Cell { return Cell{kind: Number, number: f} }

// MissingCell fits every kind and is written as an empty field.
func MissingCell() Cell { return Cell{} }

// SitesTable is the name of the table with one row per site and image set;
// every other table is named after its objects and has one row per object.
const SitesTable = "sites"

// Table is a table under construction, held by column.
type Table struct {
	Name    string
	Columns []Column

	rows    int
	texts   [][]string  // per column; nil unless Text
	numbers [][]float64 // per column; nil if Text; NaN = missing
	index   map[string]int
}

// CheckTableName refuses names that cannot become <name>.csv in a results
// folder, or that another file there has. Object names are table names.
func CheckTableName(name string) error {
	if !tableName(name) {
		return fmt.Errorf("table name %q: want a letter, then up to 63 letters, digits, '_' or '-'", name)
	}
	if slices.Contains([]string{"wells", "joblog", "plate", "manifest", "images"}, strings.ToLower(name)) ||
		strings.EqualFold(name, SitesTable) && name != SitesTable {
		return fmt.Errorf("table name %q is taken by a file of every results folder", name)
	}
	return nil
}

func tableName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// NewTable starts an empty table. Column names must differ.
func NewTable(name string, columns ...Column) (*Table, error) {
	if err := CheckTableName(name); err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	t := &Table{Name: name, index: map[string]int{}}
	for _, c := range columns {
		if err := t.AddColumn(c); err != nil {
			return nil, fmt.Errorf("create table: %w", err)
		}
	}
	return t, nil
}

// AddColumn appends a column, missing in the rows so far. Adding a column that
// is there in the same kind changes nothing.
func (t *Table) AddColumn(c Column) error {
	if err := checkColumn(c); err != nil {
		return fmt.Errorf("add column to %s: %w", t.Name, err)
	}
	if i, ok := t.index[c.Name]; ok {
		if t.Columns[i].Kind != c.Kind {
			return fmt.Errorf("add column to %s: %q is both %s and %s", t.Name, c.Name, t.Columns[i].Kind, c.Kind)
		}
		return nil
	}
	t.index[c.Name] = len(t.Columns)
	t.Columns = append(t.Columns, c)
	if c.Kind == Text {
		t.texts, t.numbers = append(t.texts, make([]string, t.rows)), append(t.numbers, nil)
		return nil
	}
	values := make([]float64, t.rows)
	for i := range values {
		values[i] = math.NaN()
	}
	t.texts, t.numbers = append(t.texts, nil), append(t.numbers, values)
	return nil
}

func checkColumn(c Column) error {
	if c.Name == "" || c.Name != cleanText(c.Name) || strings.ContainsAny(c.Name, "\n\t") {
		return fmt.Errorf("column name %q is empty or holds control characters", c.Name)
	}
	if c.Kind != Text && c.Kind != Integer && c.Kind != Number {
		return fmt.Errorf("column %q has unknown kind %q", c.Name, c.Kind)
	}
	return nil
}

// Column returns the position of a column, or -1.
func (t *Table) Column(name string) int {
	if i, ok := t.index[name]; ok {
		return i
	}
	return -1
}

// Rows returns how many rows the table has.
func (t *Table) Rows() int { return t.rows }

// Append adds a row with one cell per column, in column order.
func (t *Table) Append(cells ...Cell) error {
	if len(cells) != len(t.Columns) {
		return fmt.Errorf("append row to %s: %d cells for %d columns", t.Name, len(cells), len(t.Columns))
	}
	for i, cell := range cells { // all checked before any is stored
		if err := t.fits(i, cell); err != nil {
			return fmt.Errorf("append row to %s: %w", t.Name, err)
		}
	}
	t.AppendMissing()
	for i, cell := range cells {
		t.store(t.rows-1, i, cell)
	}
	return nil
}

// AppendMissing adds a row of missing values and returns its number, for Set.
func (t *Table) AppendMissing() int {
	for i, c := range t.Columns {
		if c.Kind == Text {
			t.texts[i] = append(t.texts[i], "")
		} else {
			t.numbers[i] = append(t.numbers[i], math.NaN())
		}
	}
	t.rows++
	return t.rows - 1
}

// Set changes one cell; row and column count from 0.
func (t *Table) Set(row, column int, cell Cell) error {
	if row < 0 || row >= t.rows || column < 0 || column >= len(t.Columns) {
		return fmt.Errorf("set cell of %s: no row %d, column %d in %d × %d", t.Name, row, column, t.rows, len(t.Columns))
	}
	if err := t.fits(column, cell); err != nil {
		return fmt.Errorf("set cell of %s: %w", t.Name, err)
	}
	t.store(row, column, cell)
	return nil
}

func (t *Table) fits(column int, cell Cell) error {
	c := t.Columns[column]
	switch {
	case cell.kind == "" || cell.kind == c.Kind:
	case cell.kind == Integer && c.Kind == Number:
	default:
		return fmt.Errorf("column %q holds %s, not %s", c.Name, c.Kind, cell.kind)
	}
	if c.Kind == Integer && math.Abs(cell.number) > 1<<53 {
		return fmt.Errorf("column %q: %g is too large for an exact integer", c.Name, cell.number)
	}
	return nil
}

func (t *Table) store(row, column int, cell Cell) {
	switch {
	case t.Columns[column].Kind == Text:
		t.texts[column][row] = cleanText(cell.text)
	case cell.kind == "":
		t.numbers[column][row] = math.NaN()
	default:
		t.numbers[column][row] = cell.number
	}
}

// Number returns a numeric cell; NaN when it is missing or holds text.
func (t *Table) Number(row, column int) float64 {
	if t.numbers[column] == nil {
		return math.NaN()
	}
	return t.numbers[column][row]
}

// Text returns a cell as it is written to CSV, unquoted.
func (t *Table) Text(row, column int) string {
	if t.texts[column] != nil {
		return t.texts[column][row]
	}
	return string(appendNumber(nil, t.numbers[column][row]))
}

// cleanText makes a string safe in every reader of CSV: valid UTF-8, LF line
// ends, no other control characters than tab.
func cleanText(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] < 0x7f
	}
	if clean {
		return s
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t' || r == 0x7f:
			return ' '
		}
		return r
	}, s)
}

// appendNumber writes the shortest decimal that reads back as the same
// float64, without an exponent for magnitudes people read (1e-6 to 1e15);
// a missing value as nothing.
func appendNumber(b []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return b
	case math.IsInf(f, 1):
		return append(b, "Inf"...)
	case math.IsInf(f, -1):
		return append(b, "-Inf"...)
	case f == 0: // also negative zero
		return append(b, '0')
	case a >= 1e-6 && a < 1e15 || a <= 1<<53 && f == math.Trunc(f):
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'e', -1, 64)
}
