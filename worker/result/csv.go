package result

import (
	"bufio"
	"io"
	"strings"
)

// WriteCSV writes the table as CSV (RFC 4180 quoting, UTF-8, LF line ends)
// with a line of column names. Numbers are the shortest text that reads back
// identical; missing values are empty.
func (t *Table) WriteCSV(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	writeHeader(b, t.Columns)
	var scratch []byte
	for row := range t.rows {
		for column := range t.Columns {
			if column > 0 {
				b.WriteByte(',')
			}
			if t.texts[column] != nil {
				writeField(b, t.texts[column][row], len(t.Columns) == 1)
				continue
			}
			scratch = appendNumber(scratch[:0], t.numbers[column][row])
			if len(scratch) == 0 && len(t.Columns) == 1 {
				scratch = append(scratch, `""`...)
			}
			b.Write(scratch)
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

func writeHeader(b *bufio.Writer, columns []Column) {
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		writeField(b, c.Name, false)
	}
	b.WriteByte('\n')
}

// writeField quotes what needs it. An only, empty field is quoted too, since
// readers skip an empty line. Errors stay in the writer until Flush.
func writeField(b *bufio.Writer, s string, alone bool) {
	if s == "" && !alone {
		return
	}
	quote := s == "" || s[0] == ' ' || s[len(s)-1] == ' ' || strings.ContainsAny(s, ",\"\n\r\t")
	if !quote {
		b.WriteString(s)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(s, `"`, `""`))
	b.WriteByte('"')
}
