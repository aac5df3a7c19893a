package result

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCSVQuotesAndFormats(t *testing.T) {
	t.Parallel()
	table := must[*Table](t)(NewTable("T",
		Column{Name: "a,b", Kind: Text}, Column{Name: "n", Kind: Integer}, Column{Name: "x", Kind: Number}))
	for _, row := range [][]Cell{
		{TextCell(`say "hi", now`), IntegerCell(-3), NumberCell(0.1)},
		{TextCell("two\r\nlines\ttab\x00"), IntegerCell(1 << 53), NumberCell(1e21)},
		{TextCell(" padded "), MissingCell(), NumberCell(math.NaN())},
		{TextCell("bad \xff utf"), IntegerCell(0), NumberCell(math.Inf(-1))},
		{MissingCell(), IntegerCell(12345678), NumberCell(math.Copysign(0, -1))},
		{TextCell("µm²"), IntegerCell(1), NumberCell(1.5e-9)},
	} {
		check0(t, table.Append(row...))
	}
	var out bytes.Buffer
	check0(t, table.WriteCSV(&out))
	want := "\"a,b\",n,x\n" +
		"\"say \"\"hi\"\", now\",-3,0.1\n" +
		"\"two\nlines\ttab \",9007199254740992,1e+21\n" +
		"\" padded \",,\n" +
		"bad \uFFFD utf,0,-Inf\n" +
		",12345678,0\n" +
		"µm²,1,1.5e-09\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNumbersReadBackIdentical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		got, err := strconv.ParseFloat(string(appendNumber(nil, f)), 64)
		if err != nil || got != f {
			t.Fatalf("%v became %v (%v)", f, got, err)
		}
	})
}

func TestTableRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "wells", "Sites", "../x", "a b", "joblog", ".x", "1x"} {
		if _, err := NewTable(name); err == nil {
			t.Errorf("table name %q accepted", name)
		}
	}
	if _, err := NewTable("T", Column{Name: "a", Kind: Text}, Column{Name: "a", Kind: Number}); err == nil {
		t.Error("one column of two kinds accepted")
	}
	if _, err := NewTable("T", Column{Name: "a\nb", Kind: Text}); err == nil {
		t.Error("column name of two lines accepted")
	}
	table := must[*Table](t)(NewTable("T", Column{Name: "a", Kind: Text}, Column{Name: "n", Kind: Integer}))
	for _, row := range [][]Cell{
		{TextCell("x")}, {NumberCell(1), IntegerCell(1)}, {TextCell("x"), NumberCell(1.5)}, {TextCell("x"), IntegerCell(1 << 60)},
	} {
		if err := table.Append(row...); err == nil || table.Rows() != 0 {
			t.Errorf("row %v accepted", row)
		}
	}
}

func TestAddColumnLate(t *testing.T) {
	t.Parallel()
	table := objects(t, "A01", 2)
	check0(t, table.AddColumn(Column{Name: "Late", Kind: Number}))
	check0(t, table.Set(1, table.Column("Late"), IntegerCell(4)))
	if got := table.Text(0, table.Column("Late")) + "|" + table.Text(1, table.Column("Late")); got != "|4" {
		t.Errorf("late column is %q", got)
	}
}

func TestFragmentRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "fragment")
		check0(t, err)
		defer os.RemoveAll(dir)
		kinds := rapid.SliceOfN(rapid.SampledFrom([]Kind{Text, Integer, Number}), 1, 4).Draw(rt, "kinds")
		table := must[*Table](t)(NewTable("Nuclei"))
		for i, k := range kinds {
			check0(t, table.AddColumn(Column{Name: "c" + strconv.Itoa(i), Kind: k, Unit: "px"}))
		}
		for range rapid.IntRange(0, 5).Draw(rt, "rows") {
			cells := make([]Cell, len(kinds))
			for i, k := range kinds {
				switch k {
				case Text:
					cells[i] = TextCell(rapid.String().Draw(rt, "text"))
				case Integer:
					cells[i] = IntegerCell(rapid.IntRange(-1<<53, 1<<53).Draw(rt, "integer"))
				case Number:
					cells[i] = NumberCell(rapid.Float64().Draw(rt, "number"))
				}
				if rapid.IntRange(0, 4).Draw(rt, "missing") == 0 {
					cells[i] = MissingCell()
				}
			}
			check0(t, table.Append(cells...))
		}
		check0(t, WriteFragment(dir, table))
		back, err := ReadFragment(dir, "Nuclei")
		check0(t, err)
		var a, b bytes.Buffer
		check0(t, table.WriteCSV(&a))
		check0(t, back.WriteCSV(&b))
		if a.String() != b.String() || !reflect.DeepEqual(table.Columns, back.Columns) {
			rt.Fatalf("read back\n%q\nwritten\n%q", b.String(), a.String())
		}
		records, err := csv.NewReader(&a).ReadAll()
		if err != nil || len(records) != table.Rows()+1 {
			rt.Fatalf("another reader sees %d records (%v), want %d", len(records), err, table.Rows()+1)
		}
	})
}

func TestFragmentDamageIsSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadFragment(dir, "Nuclei"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing fragment gives %v", err)
	}
	check0(t, WriteFragment(dir, objects(t, "A01", 3)))
	path := fragmentPath(dir, "Nuclei")
	whole := string(must[[]byte](t)(os.ReadFile(path)))
	for name, text := range map[string]string{
		"empty":          "",
		"cut header":     whole[:40],
		"cut row":        whole[:len(whole)-12],
		"row lost":       strings.Join(strings.Split(whole, "\n")[:4], "\n") + "\n",
		"row added":      whole + "P1,A01,1,1,9,1,1\n",
		"letters":        strings.Replace(whole, "P1,A01,1,1,1", "P1,A01,1,1,one", 1),
		"other columns":  strings.Replace(whole, "\nMetadata_Plate", "\nMetadata_Place", 1),
		"another table":  strings.Replace(whole, `"table":"Nuclei"`, `"table":"Cells"`, 1),
		"unknown field":  strings.Replace(whole, `{"schema"`, `{"new":1,"schema"`, 1),
		"unknown kind":   strings.Replace(whole, `"kind":"text"`, `"kind":"date"`, 1),
		"later schema":   strings.Replace(whole, `"schema":1`, `"schema":2`, 1),
		"negative count": strings.Replace(whole, `"rows":3`, `"rows":-3`, 1),
	} {
		check0(t, os.WriteFile(path, []byte(text), 0o644))
		if _, err := ReadFragment(dir, "Nuclei"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func FuzzReadFragment(f *testing.F) {
	dir := f.TempDir()
	check0(f, WriteFragment(dir, objects(f, "A01", 2)))
	whole, err := os.ReadFile(fragmentPath(dir, "Nuclei"))
	check0(f, err)
	f.Add(whole)
	f.Add([]byte("{}\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := newFragmentReader(io.NopCloser(bytes.NewReader(text)), "x", "Nuclei")
		var table *Table
		if err == nil {
			table, err = r.table()
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if err := table.WriteCSV(io.Discard); err != nil || table.Rows() != r.header.Rows {
			t.Fatalf("%d rows accepted, header says %d (%v)", table.Rows(), r.header.Rows, err)
		}
	})
}
