package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// stepFacts is what the walk over the plate learnt about one step.
type stepFacts struct {
	// crosses: it takes objects that were made in another channel than the
	// plane they are taken for.
	crosses bool
}

// measured identifies a measurement, to find one that is made twice.
type measured struct {
	function, objects string
	plane             plate.Coordinates
}

// simulate walks every layout through every step without reading a pixel.
func (c *compiler) simulate() {
	c.layouts = layouts(c.index)
	c.facts = make([]stepFacts, len(c.plan.Steps))
	by := make([]map[measured]int, len(c.layouts)) // the step that measures it
	for l := range by {
		by[l] = make(map[measured]int)
	}
	for i := range c.plan.Steps {
		step := &c.plan.Steps[i]
		c.present(i)
		matches := newMatches()
		var idle []*layout
		for number, l := range c.layouts {
			in := l.input(i, step.From)
			stacks, after := step.advance(in)
			l.steps = append(l.steps, passage{in: in, stacks: stacks, after: after})
			for _, g := range stacks {
				c.walk(i, l, g, by[number], matches)
			}
			if len(stacks) == 0 {
				idle = append(idle, l)
			}
		}
		if len(idle) == len(c.layouts) {
			c.add(c.def.Steps[i].At, "step %s: no plane of the plate is left by its where: and each:, so it would do nothing", step.Name)
		}
		for _, l := range idle {
			l.warnings = append(l.warnings, fmt.Sprintf("step %s: this well has no image for it", step.Name))
		}
		c.judge(i, matches)
		if step.Objects != "" {
			c.plan.Tables.Objects = append(c.plan.Tables.Objects, Objects{Name: step.Objects, Step: i, Channels: c.channels(step.Objects)})
		}
	}
	c.countColumns()
}

// countColumns refuses names of objects whose columns in the sites table would
// be one: Count_A_1 of A in channel 1, and of objects A_1.
func (c *compiler) countColumns() {
	for _, a := range c.plan.Tables.Objects {
		for _, b := range c.plan.Tables.Objects {
			for _, channel := range a.Channels {
				if len(a.Channels) > 1 && a.Name+"_"+channel == b.Name {
					c.add(c.def.Steps[b.Step].Objects.At, "objects: the name %s is also that of %s in channel %s; choose another one", b.Name, a.Name, channel)
				}
			}
		}
	}
}

// present checks that components a step names are still there when it runs.
func (c *compiler) present(i int) {
	def, step := &c.def.Steps[i], &c.plan.Steps[i]
	gone := func(component string) bool {
		if len(c.values[component]) == 0 {
			return false // never there: a stack of one, or refused as a value
		}
		for _, l := range c.layouts {
			for _, p := range l.input(i, step.From) {
				if p.Get(component) != "" {
					return false
				}
			}
		}
		return true
	}
	report := func(w Word, what string) {
		if w.At != (Position{}) && gone(w.Text) {
			c.add(w.At, "%s: %s is gone in step %s: step %s reduced it", what, w.Text, step.Name, c.reducer(i, w.Text))
		}
	}
	for _, w := range def.Variable {
		report(w, "variable_components")
	}
	for _, w := range def.Where {
		report(w.Component, "where")
	}
	report(def.GroupBy, "group_by")
	if def.GroupBy.At == (Position{}) && def.Branches[0].Value.Text != "" && gone(def.GroupBy.Text) {
		c.add(def.Branches[0].Value.At, "each: %s is gone in step %s: step %s reduced it", def.GroupBy.Text, step.Name, c.reducer(i, def.GroupBy.Text))
	}
	if len(def.Variable) > 0 && def.Variable[0].At == (Position{}) && len(c.values[enums.Site]) > 1 {
		if slices.ContainsFunc(step.Branches, func(b Branch) bool { return b.Reduces() }) {
			c.warn("step %s reduces the sites of a well to one plane, because variable_components is site where a step does not say; to project z, say variable_components: [z_index]", step.Name)
		}
	}
}

func (c *compiler) warn(format string, args ...any) {
	c.plan.Warnings = append(c.plan.Warnings, fmt.Sprintf(format, args...))
}

// reducer names the last step before i that reduced the component.
func (c *compiler) reducer(i int, component string) string {
	for i--; i >= 0; i-- {
		s := &c.plan.Steps[i]
		if slices.Contains(s.Variable, component) && slices.ContainsFunc(s.Branches, func(b Branch) bool { return b.Reduces() }) {
			return s.Name
		}
	}
	return "before it"
}

// walk follows one stack through the chain of its branch.
func (c *compiler) walk(i int, l *layout, g Group, by map[measured]int, m *matches) {
	step := &c.plan.Steps[i]
	planes := pick(l.steps[i].in, g.Planes)
	for number, call := range step.Branches[g.Branch].Calls {
		at := c.def.Steps[i].Branches[g.Branch].Calls[number].At
		if call.Objects != "" && call.Objects != step.Objects {
			c.match(i, l, call, planes, m)
		}
		if call.Kind == function.Reducing {
			planes = []plate.Coordinates{g.Key}
		}
		if call.Gives {
			for _, p := range planes {
				l.make(step.Objects, p)
				c.rows(p)
			}
		}
		if !call.Measures {
			continue
		}
		for _, p := range planes {
			c.rows(p)
			key := measured{call.Function, call.Objects, p}
			if first, twice := by[key]; twice {
				c.add(at, "step %s: %s of %s was measured by step %s already in %s, and a table has one column for it; measure it once, or in other channels",
					step.Name, call.Function, orPlanes(call.Objects), c.plan.Steps[first].Name, orWell(p))
			}
			by[key] = i
		}
	}
}

func orPlanes(objects string) string {
	if objects == "" {
		return "planes"
	}
	return objects
}

func orWell(c plate.Coordinates) string {
	if s := c.String(); s != "" {
		return s
	}
	return "the well"
}

// rows notes which components the rows of tables will have.
func (c *compiler) rows(p plate.Coordinates) {
	c.plan.Tables.Z = c.plan.Tables.Z || p.ZIndex != "" && len(c.values[enums.ZIndex]) > 1
	c.plan.Tables.T = c.plan.Tables.T || p.Timepoint != "" && len(c.values[enums.Timepoint]) > 1
}

// channels returns the channels that objects are made in over the plate.
func (c *compiler) channels(name string) []string {
	var list []string
	for _, l := range c.layouts {
		for p := range l.objects[name] {
			if !slices.Contains(list, p.Channel) {
				list = append(list, p.Channel)
			}
		}
	}
	slices.SortFunc(list, plate.CompareNatural)
	return list
}

// matches counts, per step, the planes that objects were found for and not.
type matches struct {
	found  map[matchKey]int
	missed map[matchKey][]miss
	order  []matchKey // of missed
}

type matchKey struct{ objects, channel string }

type miss struct {
	layout *layout
	plane  plate.Coordinates
}

func newMatches() *matches {
	return &matches{found: make(map[matchKey]int), missed: make(map[matchKey][]miss)}
}

func (c *compiler) match(i int, l *layout, call Call, planes []plate.Coordinates, m *matches) {
	objects, _ := c.plan.Tables.Table(call.Objects)
	for _, p := range planes {
		key := matchKey{call.Objects, p.Channel}
		where := objects.Locate(p)
		if l.objects[call.Objects][where] {
			m.found[key]++
			c.facts[i].crosses = c.facts[i].crosses || where.Channel != p.Channel
			continue
		}
		if m.missed[key] == nil {
			m.order = append(m.order, key)
		}
		m.missed[key] = append(m.missed[key], miss{l, p})
	}
}

// judge turns planes without objects into a problem of the pipeline when a
// channel never has them, and into a warning of the well when an image is
// missing there.
func (c *compiler) judge(i int, m *matches) {
	step, def := &c.plan.Steps[i], &c.def.Steps[i]
	for _, key := range m.order {
		missed := m.missed[key]
		if m.found[key] > 0 {
			for _, miss := range missed {
				miss.layout.warnings = append(miss.layout.warnings,
					fmt.Sprintf("step %s: there are no %s for %s, because an image they are made from is missing", step.Name, key.objects, orWell(miss.plane)))
			}
			continue
		}
		at := def.At
		for _, b := range def.Branches {
			for _, call := range b.Calls {
				if call.Objects.Text == key.objects {
					at = call.Objects.At
				}
			}
		}
		c.add(at, "step %s takes %s in %s, but %s", step.Name, key.objects, orWell(missed[0].plane), c.whyNot(key.objects, missed[0].plane))
	}
}

// whyNot explains why no objects belong to a plane, and what to do.
func (c *compiler) whyNot(name string, p plate.Coordinates) string {
	objects, _ := c.plan.Tables.Table(name)
	maker := c.plan.Steps[objects.Step].Name
	var sample plate.Coordinates
	for _, l := range c.layouts {
		for made := range l.objects[name] {
			if sample == (plate.Coordinates{}) || made.Compare(sample) < 0 {
				sample = made
			}
		}
	}
	for _, component := range []string{enums.ZIndex, enums.Timepoint, enums.Site} {
		had, has := sample.Get(component) != "", p.Get(component) != ""
		switch {
		case has && !had:
			return fmt.Sprintf("step %s makes them after %s was reduced; take them for planes that went through the same reduction", maker, component)
		case had && !has:
			return fmt.Sprintf("step %s makes them for each %s, which is reduced here; make them after the reduction, or take them before it", maker, component)
		}
	}
	if len(objects.Channels) > 1 && !slices.Contains(objects.Channels, p.Channel) {
		list := strings.Join(objects.Channels, ", ")
		return fmt.Sprintf("step %s makes them in channels %s; limit this step with where: {channel: [%s]}, or make objects in one channel", maker, list, list)
	}
	return fmt.Sprintf("step %s makes none there; limit this step with where:", maker)
}
