package result

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// writeTable streams one merged table: the wells' rows in plate order. Rows of
// a fragment with all columns are copied as they are; others are rearranged.
func (p *mergePlan) writeTable(out io.Writer, table string) error {
	w := bufio.NewWriterSize(out, 256<<10)
	columns := p.schemas[table].columns
	writeHeader(w, columns)
	for _, well := range p.wells {
		for _, part := range well.parts {
			if part.table != table || part.rows == 0 {
				continue
			}
			if err := writePart(w, columns, well, part); err != nil {
				return fmt.Errorf("merge table %s, well %s: %w", table, well.Well, err)
			}
		}
	}
	return w.Flush()
}

func writePart(w *bufio.Writer, columns []Column, well *plannedWell, part part) error {
	r, err := openFragment(well.result.dir, part.table)
	if err != nil {
		return err
	}
	defer r.Close()
	if sameNames(columns, part.columns) {
		return r.copyRows(w)
	}
	from := make([]int, len(columns)) // merged column → the fragment's, or -1
	for i, c := range columns {
		from[i] = -1
		for j, own := range part.columns {
			if own.Name == c.Name {
				from[i] = j
			}
		}
	}
	for {
		record, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, j := range from {
			if i > 0 {
				w.WriteByte(',')
			}
			if j >= 0 {
				writeField(w, record[j], len(columns) == 1)
			}
		}
		w.WriteByte('\n')
	}
}

func sameNames(a, b []Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}
