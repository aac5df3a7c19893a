package pipeline

import (
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Group is some of a list of planes, by index in that list.
type Group struct {
	Key    plate.Coordinates // what its planes share; what differs is absent
	Branch int               // for stacks: the branch of the step that handles it
	Planes []int             // in the order of the list
}

// Parcels divides planes into the parcels of the segment, in the order of
// their first plane.
func (s *Segment) Parcels(planes []plate.Coordinates) []Group {
	return groups(planes, s.Varies, func(plate.Coordinates) (int, bool) { return 0, true })
}

// Key returns what the planes of a parcel share with plane c.
func (s *Segment) Key(c plate.Coordinates) plate.Coordinates { return without(c, s.Varies) }

// Stacks divides the planes that the step names into stacks, in the order of
// their first plane. Planes in no stack pass through unchanged.
func (s *Step) Stacks(planes []plate.Coordinates) []Group {
	return groups(planes, s.Variable, s.Branch)
}

// Branch returns the index of the branch that handles the plane; false for a
// plane that passes through.
func (s *Step) Branch(c plate.Coordinates) (int, bool) {
	for _, w := range s.Where {
		if !slices.Contains(w.Values, c.Get(w.Component)) {
			return 0, false
		}
	}
	for i, b := range s.Branches {
		if b.Value == "" || b.Value == c.Get(s.GroupBy) {
			return i, true
		}
	}
	return 0, false
}

// groups divides planes that agree outside the components varies and fall into
// the same branch.
func groups(planes []plate.Coordinates, varies []string, branch func(plate.Coordinates) (int, bool)) []Group {
	var list []Group
	at := make(map[plate.Coordinates]int)
	for i, c := range planes {
		b, ok := branch(c)
		if !ok {
			continue
		}
		key := without(c, varies)
		g, known := at[key]
		if !known {
			g = len(list)
			at[key] = g
			list = append(list, Group{Key: key, Branch: b})
		}
		list[g].Planes = append(list[g].Planes, i)
	}
	return list
}

func without(c plate.Coordinates, components []string) plate.Coordinates {
	for _, component := range components {
		c = c.Without(component)
	}
	return c
}

// Reduces reports whether the branch makes one plane of a stack.
func (b *Branch) Reduces() bool {
	return slices.ContainsFunc(b.Calls, func(c Call) bool { return c.Kind == function.Reducing })
}

// Locate returns the coordinates under which objects that belong to plane c
// were made: its own, or those in the only channel that has such objects.
func (o *Objects) Locate(c plate.Coordinates) plate.Coordinates {
	if len(o.Channels) == 1 {
		return c.With(enums.Channel, o.Channels[0])
	}
	return c
}

// advance returns the stacks of a step over planes, and the planes after it, in
// natural order.
func (s *Step) advance(planes []plate.Coordinates) (stacks []Group, after []plate.Coordinates) {
	stacks = s.Stacks(planes)
	gone := make(map[int]bool)
	result := make(map[int]plate.Coordinates)
	for _, g := range stacks {
		if !s.Branches[g.Branch].Reduces() {
			continue
		}
		result[g.Planes[0]] = g.Key
		for _, p := range g.Planes[1:] {
			gone[p] = true
		}
	}
	if len(result) == 0 {
		return stacks, planes
	}
	after = make([]plate.Coordinates, 0, len(planes)-len(gone))
	for i, c := range planes {
		if gone[i] {
			continue
		}
		if key, reduced := result[i]; reduced {
			c = key
		}
		after = append(after, c)
	}
	slices.SortStableFunc(after, plate.Coordinates.Compare)
	return stacks, after
}

// StackCounts returns how many stacks each step of the task works on, counted
// as a worker meets them: parcel by parcel.
func (t *Task) StackCounts() []int {
	start := make([]plate.Coordinates, len(t.Images))
	for i, image := range t.Images {
		start[i] = image.Coordinates
	}
	counts := make([]int, len(t.Steps))
	planes := start
	for _, segment := range t.Segments {
		if t.Steps[segment.First].From == PipelineStart {
			planes = start
		}
		var next []plate.Coordinates
		for _, parcel := range segment.Parcels(planes) {
			inside := pick(planes, parcel.Planes)
			for i := segment.First; i <= segment.Last; i++ {
				stacks, after := t.Steps[i].advance(inside)
				counts[i] += len(stacks)
				inside = after
			}
			next = append(next, inside...)
		}
		slices.SortStableFunc(next, plate.Coordinates.Compare)
		planes = next
	}
	return counts
}

func pick(planes []plate.Coordinates, indices []int) []plate.Coordinates {
	picked := make([]plate.Coordinates, len(indices))
	for i, p := range indices {
		picked[i] = planes[p]
	}
	return picked
}

// TakenAfter reports whether a step after the given one takes the objects.
func (t *Task) TakenAfter(name string, step int) bool {
	return slices.ContainsFunc(t.Steps[step+1:], func(s Step) bool { return s.takes(name) })
}

func (s *Step) takes(objects string) bool {
	return slices.ContainsFunc(s.Branches, func(b Branch) bool {
		return slices.ContainsFunc(b.Calls, func(c Call) bool { return c.Objects == objects })
	})
}
