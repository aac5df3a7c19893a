package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// segments divides the steps into segments. A step joins the segment before it
// when it reads that step and what it needs beside a plane is in the plane's
// parcel. The parcel may grow for that (a stack over more components, objects
// of another channel) as long as nothing in the segment reduces: a larger
// parcel is never more than the whole well, which a barrier keeps. After a
// reduction the barrier is the cheaper one, since it keeps the reduced planes.
func segments(steps []Step, tables Tables, facts []stepFacts) []Segment {
	var list []Segment
	reduced := "" // the step of the current segment that reduces
	for i := range steps {
		step := &steps[i]
		var needs []string
		if !step.planewise() {
			needs = slices.Clone(step.Variable)
		}
		why := ""
		switch {
		case i == 0:
			list = append(list, Segment{First: i, Last: i, Varies: needs})
		case step.From == PipelineStart:
			why = fmt.Sprintf("step %s reads the plate's images again", step.Name)
		default:
			last := &list[len(list)-1]
			stacked := len(needs)
			if facts[i].crosses && step.takesFrom(tables, last.First) {
				needs = append(needs, enums.Channel)
			}
			var more []string
			for n, component := range needs {
				if slices.Contains(last.Varies, component) || slices.Contains(more, component) {
					continue
				}
				more = append(more, component)
				if n < stacked {
					why = fmt.Sprintf("step %s stacks over %s after step %s reduced its planes", step.Name, component, reduced)
				} else if why == "" {
					why = fmt.Sprintf("step %s takes objects of another channel after step %s reduced its planes", step.Name, reduced)
				}
			}
			if len(more) == 0 || reduced == "" {
				last.Last, last.Varies, why = i, append(last.Varies, more...), ""
			}
		}
		if why != "" {
			list = append(list, Segment{First: i, Last: i, Varies: needs, Why: why})
			reduced = ""
		}
		if slices.ContainsFunc(step.Branches, func(b Branch) bool { return b.Reduces() }) {
			reduced = step.Name
		}
	}
	for i := range list {
		list[i].Varies = inOrder(list[i].Varies)
	}
	return list
}

// planewise reports whether no call of the step sees more than one plane, so
// that its stacks may be divided.
func (s *Step) planewise() bool {
	for _, b := range s.Branches {
		for _, c := range b.Calls {
			if c.Kind != function.Planewise {
				return false
			}
		}
	}
	return true
}

// takesFrom reports whether the step takes objects that a step from first on
// makes.
func (s *Step) takesFrom(tables Tables, first int) bool {
	for _, b := range s.Branches {
		for _, c := range b.Calls {
			if o, ok := tables.Table(c.Objects); ok && o.Step >= first {
				return true
			}
		}
	}
	return false
}

// inOrder sorts components as a plate names them, so that a plan does not
// depend on the order of a file.
func inOrder(components []string) []string {
	order := enums.Microscopy().Variable.Names()
	slices.SortFunc(components, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return components
}

// String describes the segment for people.
func (s Segment) String() string {
	text := fmt.Sprintf("steps %d to %d", s.First+1, s.Last+1)
	if s.First == s.Last {
		text = fmt.Sprintf("step %d", s.First+1)
	}
	if len(s.Varies) == 0 {
		return text + ", plane by plane"
	}
	return text + ", parcels over " + strings.Join(s.Varies, " and ")
}
