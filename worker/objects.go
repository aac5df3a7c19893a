package worker

import (
	"sync"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// objects holds the label maps that later steps take. It is safe for
// concurrent use.
type objects struct {
	tables pipeline.Tables
	mu     sync.Mutex
	maps   map[string]map[plate.Coordinates]*imaging.Labels // by name, where they were made
}

func newObjects(tables pipeline.Tables) *objects {
	return &objects{tables: tables, maps: make(map[string]map[plate.Coordinates]*imaging.Labels)}
}

// put keeps the label maps of planes.
func (o *objects) put(name string, at []plate.Coordinates, labels []*imaging.Labels) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.maps[name] == nil {
		o.maps[name] = make(map[plate.Coordinates]*imaging.Labels)
	}
	for i, c := range at {
		o.maps[name][c] = labels[i]
	}
}

// get returns the label maps that belong to planes; a plane without any, where
// an image is missing, gets an empty one of its size.
func (o *objects) get(name string, at []plate.Coordinates, pixels imaging.Stack) []*imaging.Labels {
	o.mu.Lock()
	defer o.mu.Unlock()
	table, _ := o.tables.Table(name)
	labels := make([]*imaging.Labels, len(at))
	for i, c := range at {
		labels[i] = o.maps[name][table.Locate(c)]
		if labels[i] == nil {
			labels[i] = imaging.NewLabels(pixels[i].Height, pixels[i].Width)
		}
	}
	return labels
}

// drop lets go of the label maps that a parcel's steps made up to step i and
// that no later step takes.
func (o *objects) drop(task *pipeline.Task, segment *pipeline.Segment, parcel plate.Coordinates, i int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, made := range o.tables.Objects {
		if made.Step < segment.First || made.Step > i || task.TakenAfter(made.Name, i) {
			continue
		}
		for c := range o.maps[made.Name] {
			if segment.Key(c) == parcel {
				delete(o.maps[made.Name], c)
			}
		}
	}
}

// release lets go of the label maps that no step after the given one takes.
func (o *objects) release(task *pipeline.Task, last int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.maps {
		if !task.TakenAfter(name, last) {
			delete(o.maps, name)
		}
	}
}
