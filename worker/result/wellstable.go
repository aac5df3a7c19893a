package result

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// wellsTable builds wells.csv: one row per well of the plan, with counts per
// kind of objects and the means of every measured feature over the well.
func (p *mergePlan) wellsTable() (*Table, error) {
	t := &Table{Name: "wells", index: map[string]int{}}
	columns := []Column{
		{Name: "Metadata_Plate", Kind: Text}, {Name: "Metadata_Well", Kind: Text},
		{Name: "Status", Kind: Text}, {Name: "Attempts", Kind: Integer}, {Name: "ExitReason", Kind: Text},
		{Name: "Error", Kind: Text}, {Name: "Warnings", Kind: Text},
	}
	for _, name := range p.counted() {
		columns = append(columns, Column{Name: "Count_" + name, Kind: Integer, Unit: name + " per well"})
	}
	for _, table := range slices.Concat(p.objectTables(), []string{SitesTable}) {
		s := p.schemas[table]
		if s == nil {
			continue
		}
		for _, c := range s.columns {
			if isFeature(c) {
				columns = append(columns, Column{Name: meanName(table, c.Name), Kind: Number, Unit: c.Unit})
			}
		}
	}
	for _, c := range columns {
		if err := t.AddColumn(c); err != nil {
			return nil, err
		}
	}
	for _, w := range p.wells {
		if err := p.addWell(t, w); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (p *mergePlan) addWell(t *Table, w *plannedWell) error {
	row := t.AppendMissing()
	cells := map[string]Cell{
		"Metadata_Plate": TextCell(p.job.Plate),
		"Metadata_Well":  TextCell(w.Well),
		"Status":         TextCell(string(w.Status)),
		"Attempts":       IntegerCell(w.Attempts),
		"ExitReason":     TextCell(string(w.Reason)),
		"Error":          TextCell(w.Error),
		"Warnings":       TextCell(strings.Join(w.Warnings, "; ")),
	}
	for name, n := range w.counts() {
		cells["Count_"+name] = IntegerCell(n)
	}
	for _, part := range w.parts {
		for i, c := range part.columns {
			if isFeature(c) && part.totals[i].Count > 0 {
				cells[meanName(part.table, c.Name)] = NumberCell(part.totals[i].mean())
			}
		}
	}
	for name, cell := range cells {
		if err := t.Set(row, t.Column(name), cell); err != nil {
			return err
		}
	}
	return nil
}

// counts are the well's objects by name: as the worker counted them, else as
// many as there are rows.
func (w *plannedWell) counts() map[string]int {
	counts := map[string]int{}
	for _, part := range w.parts {
		if part.table != SitesTable {
			counts[part.table] = part.rows
		}
	}
	if w.result != nil {
		for name, n := range w.result.outcome.Counts {
			counts[strings.TrimPrefix(name, "Count_")] = n
		}
	}
	return counts
}

// counted lists the objects that any well counts.
func (p *mergePlan) counted() []string {
	names := map[string]bool{}
	for _, w := range p.wells {
		for name := range w.counts() {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// isFeature tells measurements from identifiers, positions and counts, whose
// mean over a well says nothing.
func isFeature(c Column) bool {
	switch {
	case c.Kind == Text, c.Name == "ImageNumber", c.Name == "ObjectNumber",
		strings.HasPrefix(c.Name, "Metadata_"), strings.HasPrefix(c.Name, "Count_"),
		strings.Contains(c.Name, "Location_"), strings.Contains(c.Name, "Number_"):
		return false
	}
	return true
}

// meanName is the column of wells.csv that a feature's mean goes to, such as
// "Mean_Nuclei_AreaShape_Area", as CellProfiler names it.
func meanName(table, column string) string {
	if table == SitesTable || strings.HasPrefix(column, table+"_") {
		return "Mean_" + column
	}
	return "Mean_" + table + "_" + column
}

// measure chooses what the heatmap shows: the first count, else the first mean.
// -1: there is none.
func (p *mergePlan) measure(t *Table) int {
	for _, prefix := range []string{"Count_", "Mean_"} {
		for i, c := range t.Columns {
			if strings.HasPrefix(c.Name, prefix) && t.hasNumber(i) {
				return i
			}
		}
	}
	return -1
}

func (t *Table) hasNumber(column int) bool {
	return slices.ContainsFunc(t.numbers[column], func(v float64) bool { return !math.IsNaN(v) })
}
