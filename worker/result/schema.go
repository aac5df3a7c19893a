package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// part is a well's fragment of one table, as its header describes it.
type part struct {
	table   string
	columns []Column
	rows    int
	totals  []total
}

// schema is a merged table's columns, and whose they were first.
type schema struct {
	columns []Column
	origin  map[string]string // column → the well that brought it
	rows    int
}

// readParts reads the headers of the well's fragments.
func (w *plannedWell) readParts() error {
	for _, name := range fragmentNames(w.result.outcome.Files) {
		if err := CheckTableName(name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		r, err := openFragment(w.result.dir, name)
		if err != nil {
			return err
		}
		w.parts = append(w.parts, part{table: name, columns: r.header.Columns, rows: r.header.Rows, totals: r.header.Totals})
		if err := r.Close(); err != nil {
			return fmt.Errorf("close fragment: %w", err)
		}
	}
	return nil
}

// unite makes one schema per table from all wells, in plate order. Columns
// that a well lacks are a warning; a column that is of another kind than in an
// earlier well is a problem of that well, which then leaves no row anywhere.
func (p *mergePlan) unite() {
	for _, w := range p.wells {
		if err := p.conflict(w); err != nil {
			p.refuse(w, enums.ReasonOutputInvalid, err)
			continue
		}
		for _, part := range w.parts {
			s := p.schemas[part.table]
			if s == nil {
				s = &schema{origin: map[string]string{}}
				p.schemas[part.table] = s
			}
			s.add(part.columns, w.Well)
			s.rows += part.rows
		}
	}
	p.shareColumns()
	p.warnMissing()
}

func (p *mergePlan) conflict(w *plannedWell) error {
	for _, part := range w.parts {
		s := p.schemas[part.table]
		if s == nil {
			continue
		}
		for _, c := range part.columns {
			if i := s.find(c.Name); i >= 0 && s.columns[i].Kind != c.Kind {
				return fmt.Errorf("%w: column %q of table %s holds %s, but %s in well %s",
					ErrInvalid, c.Name, part.table, c.Kind, s.columns[i].Kind, s.origin[c.Name])
			}
		}
	}
	return nil
}

func (s *schema) find(name string) int {
	return slices.IndexFunc(s.columns, func(c Column) bool { return c.Name == name })
}

// add puts a new column right after the one it follows in its own table, so
// that features of one object stay together.
func (s *schema) add(columns []Column, well string) {
	if slices.Equal(s.columns, columns) {
		return
	}
	at := 0
	for _, c := range columns {
		if _, known := s.origin[c.Name]; known {
			at = s.find(c.Name) + 1
			continue
		}
		s.columns = slices.Insert(s.columns, at, c)
		s.origin[c.Name] = well
		at++
	}
}

// shareColumns lets equal column lists of all wells be one, so that memory
// does not grow with wells times columns' names.
func (p *mergePlan) shareColumns() {
	for _, w := range p.wells {
		for i := range w.parts {
			if s := p.schemas[w.parts[i].table]; slices.Equal(s.columns, w.parts[i].columns) {
				w.parts[i].columns = s.columns
			}
		}
	}
}

func (p *mergePlan) warnMissing() {
	for _, table := range p.tables() {
		lacking := map[string][]string{} // column → wells
		for _, w := range p.wells {
			for _, part := range w.parts {
				// A table without rows lacks nothing.
				if part.table != table || part.rows == 0 || len(part.columns) == len(p.schemas[table].columns) {
					continue
				}
				has := map[string]bool{}
				for _, c := range part.columns {
					has[c.Name] = true
				}
				for _, c := range p.schemas[table].columns {
					if !has[c.Name] {
						lacking[c.Name] = append(lacking[c.Name], w.Well)
					}
				}
			}
		}
		byWells := map[string][]string{} // the same wells → columns
		for _, c := range p.schemas[table].columns {
			if wells := lacking[c.Name]; len(wells) > 0 {
				key := someOf(wells)
				byWells[key] = append(byWells[key], c.Name)
			}
		}
		for _, wells := range slices.Sorted(maps.Keys(byWells)) {
			p.warnings = append(p.warnings, fmt.Sprintf("table %s: %s has no %s; the fields are empty there", table, wells, strings.Join(byWells[wells], ", ")))
		}
	}
}

// tables lists the merged tables: sites first, then objects by name.
func (p *mergePlan) tables() []string {
	names := slices.Sorted(maps.Keys(p.schemas))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == SitesTable:
			return -1
		case b == SitesTable:
			return 1
		}
		return 0
	})
	return names
}

// objectTables lists the tables that hold one row per object.
func (p *mergePlan) objectTables() []string {
	return slices.DeleteFunc(p.tables(), func(name string) bool { return name == SitesTable })
}
