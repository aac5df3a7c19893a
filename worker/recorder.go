package worker

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// recorder gathers counts and measurements of a well until its tables are
// written. It is safe for concurrent use, and what it holds does not depend on
// the order of the calls.
type recorder struct {
	task  *pipeline.Task
	mu    sync.Mutex
	sets  map[string]map[plate.Coordinates]*objectSet // by name, where they were made
	sites map[plate.Coordinates]map[feature]float64   // measurements of whole planes, by row
	// columns of every table: "" for sites, else the name of the objects.
	columns map[string]map[feature]source
}

// objectSet are the objects of one plane.
type objectSet struct {
	present  []bool // by label - 1: the label has pixels
	count    int
	x, y     []float64 // centres in px from the middle of the first pixel
	features map[feature][]float64
}

// feature names a measurement: a column without the objects' name.
type feature struct{ name, channel string }

// source is what measures a feature, and orders the columns.
type source struct{ step, call, place int }

func newRecorder(task *pipeline.Task) *recorder {
	return &recorder{
		task:    task,
		sets:    make(map[string]map[plate.Coordinates]*objectSet),
		sites:   make(map[plate.Coordinates]map[feature]float64),
		columns: make(map[string]map[feature]source),
	}
}

// made records the objects of planes.
func (r *recorder) made(name string, at []plate.Coordinates, labels []*imaging.Labels) {
	sets := make([]*objectSet, len(labels))
	for i, l := range labels {
		sets[i] = newObjectSet(l)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sets[name] == nil {
		r.sets[name] = make(map[plate.Coordinates]*objectSet)
	}
	for i, c := range at {
		r.sets[name][c] = sets[i]
	}
}

// newObjectSet finds the objects of a label map. Sums of pixel positions are
// whole numbers, so centres are the same in any order of adding.
func newObjectSet(l *imaging.Labels) *objectSet {
	s := &objectSet{
		present:  make([]bool, l.Count),
		x:        make([]float64, l.Count),
		y:        make([]float64, l.Count),
		features: make(map[feature][]float64),
	}
	area := make([]int64, l.Count)
	sumX, sumY := make([]int64, l.Count), make([]int64, l.Count)
	for y := range l.Height {
		for x, label := range l.Pix[y*l.Width : (y+1)*l.Width] {
			if label > 0 && int(label) <= l.Count {
				area[label-1]++
				sumX[label-1] += int64(x)
				sumY[label-1] += int64(y)
			}
		}
	}
	for i, n := range area {
		if n > 0 {
			s.present[i] = true
			s.count++
			s.x[i], s.y[i] = float64(sumX[i])/float64(n), float64(sumY[i])/float64(n)
		}
	}
	return s
}

// measured records the rows of one call. It refuses a feature that another call
// measured already, since a table has one column for it.
func (r *recorder) measured(step, number int, call *pipeline.Call, at []plate.Coordinates, rows []function.Measurement) error {
	table, _ := r.task.Tables.Table(call.Objects)
	places := make(map[string]int)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		place, known := places[row.Feature]
		if !known {
			place = len(places)
			places[row.Feature] = place
		}
		c, from := at[row.Plane], source{step, number, place}
		var err error
		if row.Object == 0 {
			err = r.plane(call.Objects, c, row, from)
		} else {
			err = r.object(call.Objects, table.Locate(c), c.Channel, row, from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plane records a measurement of a whole plane.
func (r *recorder) plane(objects string, c plate.Coordinates, row function.Measurement, from source) error {
	f := feature{row.Feature, c.Channel}
	if objects != "" {
		f.name = objects + "_" + f.name
	}
	if err := r.column("", f, from); err != nil {
		return err
	}
	key := r.row(c)
	if r.sites[key] == nil {
		r.sites[key] = make(map[feature]float64)
	}
	if _, twice := r.sites[key][f]; twice {
		return fmt.Errorf("measured %s twice for %s", f.column(""), key)
	}
	r.sites[key][f] = row.Value
	return nil
}

// object records a measurement of one object.
func (r *recorder) object(objects string, made plate.Coordinates, channel string, row function.Measurement, from source) error {
	if row.Feature == centerX || row.Feature == centerY {
		return nil // every object has these from the start
	}
	f := feature{row.Feature, channel}
	if ofOutline(row.Feature) {
		f.channel = ""
	}
	if err := r.column(objects, f, from); err != nil {
		return err
	}
	set := r.sets[objects][made]
	if set == nil || row.Object > len(set.present) {
		return fmt.Errorf("measured object %d of %s, which were not made there", row.Object, objects)
	}
	values := set.features[f]
	if values == nil {
		values = make([]float64, len(set.present))
		for i := range values {
			values[i] = math.NaN()
		}
		set.features[f] = values
	}
	// An outline is the same in every channel that it is measured for.
	if ofOutline(row.Feature) && !math.IsNaN(values[row.Object-1]) {
		return nil
	}
	values[row.Object-1] = row.Value
	return nil
}

// column notes a column of a table and what fills it.
func (r *recorder) column(table string, f feature, from source) error {
	if r.columns[table] == nil {
		r.columns[table] = make(map[feature]source)
	}
	before, known := r.columns[table][f]
	if known && (before.step != from.step || before.call != from.call) {
		return fmt.Errorf("measured %s, which step %s measured already", f.column(table), r.task.Steps[before.step].Name)
	}
	if !known || from.place < before.place {
		r.columns[table][f] = from
	}
	return nil
}

// Features that every object has.
const (
	centerX = "Location_Center_X"
	centerY = "Location_Center_Y"
)

// ofOutline tells features of an object's outline, which are the same in every
// channel, from features of a channel's pixels, whose columns name the channel.
func ofOutline(name string) bool {
	for _, family := range []string{"AreaShape_", "Location_", "Number_", "Neighbors_", "Parent_", "Children_"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// column is the feature's column name in the table of the objects.
func (f feature) column(objects string) string {
	name := f.name
	if objects != "" {
		name = objects + "_" + name
	}
	if f.channel != "" {
		name += "_" + f.channel
	}
	return name
}

// row returns the coordinates of the sites row that a plane belongs to.
func (r *recorder) row(c plate.Coordinates) plate.Coordinates {
	c = c.Without(enums.Channel)
	if !r.task.Tables.Z {
		c = c.Without(enums.ZIndex)
	}
	if !r.task.Tables.T {
		c = c.Without(enums.Timepoint)
	}
	return c
}

// counts are the objects of the well by name.
func (r *recorder) counts() map[string]int {
	counts := make(map[string]int, len(r.task.Tables.Objects))
	for _, o := range r.task.Tables.Objects {
		counts[o.Name] = 0
		for _, set := range r.sets[o.Name] {
			counts[o.Name] += set.count
		}
	}
	return counts
}
