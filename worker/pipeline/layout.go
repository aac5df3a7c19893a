package pipeline

import (
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// layout is a set of planes that several wells have alike. A plate has few of
// them, one more for each way in which images are missing, so that checking
// every well means checking every layout.
type layout struct {
	start    []plate.Coordinates // without the well, in natural order
	wells    []string
	objects  map[string]map[plate.Coordinates]bool // made so far, by name
	steps    []passage
	warnings []string
}

// passage is a layout's way through one step.
type passage struct {
	in     []plate.Coordinates
	stacks []Group
	after  []plate.Coordinates
}

// layouts finds the layouts of a plate, in the order of their first well.
func layouts(index *plate.Index) []*layout {
	byWell := make(map[string][]plate.Coordinates)
	for i := range index.Images {
		c := index.Images[i].Coordinates
		byWell[c.Well] = append(byWell[c.Well], c.Without(enums.Well))
	}
	var list []*layout
	byKey := make(map[string]*layout)
	for _, well := range index.Wells() {
		planes := byWell[well]
		slices.SortFunc(planes, plate.Coordinates.Compare)
		var key strings.Builder
		for _, c := range planes {
			for _, component := range []string{c.Site, c.Channel, c.ZIndex, c.Timepoint} {
				key.WriteString(component)
				key.WriteByte(0)
			}
		}
		l := byKey[key.String()]
		if l == nil {
			l = &layout{start: planes, objects: make(map[string]map[plate.Coordinates]bool)}
			byKey[key.String()] = l
			list = append(list, l)
		}
		l.wells = append(l.wells, well)
	}
	return list
}

// input returns the planes that step i reads.
func (l *layout) input(i int, from Source) []plate.Coordinates {
	if i == 0 || from == PipelineStart {
		return l.start
	}
	return l.steps[i-1].after
}

func (l *layout) make(name string, c plate.Coordinates) {
	if l.objects[name] == nil {
		l.objects[name] = make(map[plate.Coordinates]bool)
	}
	l.objects[name][c] = true
}
