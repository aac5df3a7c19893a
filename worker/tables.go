package worker

import (
	"cmp"
	"maps"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// write writes the well's part of every table.
func (r *run) write() error {
	defer r.since(&r.writing, r.Now())
	sites, err := r.tables.sitesTable()
	if err != nil {
		return writeFailed("", err)
	}
	if err := result.WriteFragment(r.task.Directory, sites, result.WithStep(r.Step)); err != nil {
		return writeFailed("", err)
	}
	for _, o := range r.task.Tables.Objects {
		table, err := r.tables.objectsTable(o)
		if err != nil {
			return writeFailed("", err)
		}
		if err := result.WriteFragment(r.task.Directory, table, result.WithStep(r.Step)); err != nil {
			return writeFailed("", err)
		}
	}
	return nil
}

// sitesTable has one row per image set, and one per reduced set that something
// was counted or measured in.
func (r *recorder) sitesTable() (*result.Table, error) {
	rows := make(map[plate.Coordinates]bool)
	for _, image := range r.task.Images {
		rows[r.row(image.Coordinates)] = true
	}
	for key := range r.sites {
		rows[key] = true
	}
	counts := make(map[plate.Coordinates]map[string]int) // by row and column
	columns := r.identifiers()
	for _, o := range r.task.Tables.Objects {
		columns = append(columns, result.Column{Name: "Count_" + o.Name, Kind: result.Integer})
		if len(o.Channels) > 1 {
			for _, channel := range o.Channels {
				columns = append(columns, result.Column{Name: countColumn(o, channel), Kind: result.Integer})
			}
		}
		for c, set := range r.sets[o.Name] {
			key := r.row(c)
			rows[key] = true
			if counts[key] == nil {
				counts[key] = make(map[string]int)
			}
			counts[key]["Count_"+o.Name] += set.count
			if len(o.Channels) > 1 {
				counts[key][countColumn(o, c.Channel)] += set.count
			}
		}
	}
	features := r.order("")
	for _, f := range features {
		columns = append(columns, result.Column{Name: f.column(""), Kind: result.Number})
	}
	table, err := result.NewTable(result.SitesTable, columns...)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.SortedFunc(maps.Keys(rows), plate.Coordinates.Compare) {
		cells := append(r.identity(key), r.depth(key)...)
		for _, column := range columns[len(cells) : len(columns)-len(features)] {
			cell := result.MissingCell()
			if n, counted := counts[key][column.Name]; counted {
				cell = result.IntegerCell(n)
			}
			cells = append(cells, cell)
		}
		for _, f := range features {
			cell := result.MissingCell()
			if v, measured := r.sites[key][f]; measured {
				cell = result.NumberCell(v)
			}
			cells = append(cells, cell)
		}
		if err := table.Append(cells...); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func countColumn(o pipeline.Objects, channel string) string {
	return "Count_" + o.Name + "_" + channel
}

// objectsTable has one row per object.
func (r *recorder) objectsTable(o pipeline.Objects) (*result.Table, error) {
	channels := len(o.Channels) > 1
	columns := append(r.identifiers()[:4:4], result.Column{Name: "ObjectNumber", Kind: result.Integer})
	if channels {
		columns = append(columns, result.Column{Name: "Metadata_Channel", Kind: result.Text})
	}
	columns = append(append(columns, r.depths()...),
		result.Column{Name: o.Name + "_" + centerX, Kind: result.Number, Unit: "px"},
		result.Column{Name: o.Name + "_" + centerY, Kind: result.Number, Unit: "px"},
	)
	features := r.order(o.Name)
	for _, f := range features {
		columns = append(columns, result.Column{Name: f.column(o.Name), Kind: result.Number})
	}
	table, err := result.NewTable(o.Name, columns...)
	if err != nil {
		return nil, err
	}
	sets := r.sets[o.Name]
	for _, c := range slices.SortedFunc(maps.Keys(sets), plate.Coordinates.Compare) {
		set := sets[c]
		identity := r.identity(c)
		var place []result.Cell
		if channels {
			place = append(place, result.TextCell(c.Channel))
		}
		place = append(place, r.depth(c)...)
		for i, present := range set.present {
			if !present {
				continue
			}
			cells := slices.Concat(identity, []result.Cell{result.IntegerCell(i + 1)}, place,
				[]result.Cell{result.NumberCell(set.x[i]), result.NumberCell(set.y[i])})
			for _, f := range features {
				cell := result.MissingCell()
				if values := set.features[f]; values != nil {
					cell = result.NumberCell(values[i])
				}
				cells = append(cells, cell)
			}
			if err := table.Append(cells...); err != nil {
				return nil, err
			}
		}
	}
	return table, nil
}

// order returns the features of a table: by step and call, then by channel,
// then in the order of the function.
func (r *recorder) order(table string) []feature {
	columns := r.columns[table]
	return slices.SortedFunc(maps.Keys(columns), func(a, b feature) int {
		x, y := columns[a], columns[b]
		return cmp.Or(
			cmp.Compare(x.step, y.step), cmp.Compare(x.call, y.call),
			plate.CompareNatural(a.channel, b.channel),
			cmp.Compare(x.place, y.place), cmp.Compare(a.name, b.name),
		)
	})
}

// identifiers are the columns that say where a row of sites is from.
func (r *recorder) identifiers() []result.Column {
	return append([]result.Column{
		{Name: "Metadata_Plate", Kind: result.Text},
		{Name: "Metadata_Well", Kind: result.Text},
		{Name: "Metadata_Site", Kind: result.Text},
		{Name: "ImageNumber", Kind: result.Integer},
	}, r.depths()...)
}

// depths are the columns of the components that a plate may lack.
func (r *recorder) depths() []result.Column {
	var columns []result.Column
	if r.task.Tables.Z {
		columns = append(columns, result.Column{Name: "Metadata_Z", Kind: result.Text})
	}
	if r.task.Tables.T {
		columns = append(columns, result.Column{Name: "Metadata_T", Kind: result.Text})
	}
	return columns
}

// identity are the cells under identifiers, up to ImageNumber.
func (r *recorder) identity(c plate.Coordinates) []result.Cell {
	return []result.Cell{
		result.TextCell(r.task.Plate), result.TextCell(r.task.Well), result.TextCell(c.Site),
		result.IntegerCell(r.imageNumber(c)),
	}
}

// depth are the cells under depths.
func (r *recorder) depth(c plate.Coordinates) []result.Cell {
	var cells []result.Cell
	if r.task.Tables.Z {
		cells = append(cells, result.TextCell(c.ZIndex))
	}
	if r.task.Tables.T {
		cells = append(cells, result.TextCell(c.Timepoint))
	}
	return cells
}

// imageNumber is the number of the image set that a plane is or was made from;
// of several, the first.
func (r *recorder) imageNumber(c plate.Coordinates) int {
	first := 0
	for _, image := range r.task.Images {
		same := (c.Site == "" || c.Site == image.Site) &&
			(c.ZIndex == "" || c.ZIndex == image.ZIndex) &&
			(c.Timepoint == "" || c.Timepoint == image.Timepoint)
		if same && (first == 0 || image.ImageNumber < first) {
			first = image.ImageNumber
		}
	}
	return first
}
