package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Compile checks a pipeline against every well of a plate and returns what each
// of the given wells will do. An error is a *[Problems] when the file is at
// fault.
func Compile(def *Definition, index *plate.Index, wells []string, configuration Configuration, catalogue *function.Catalogue) (*Plan, error) {
	if err := checkWells(index, wells); err != nil {
		return nil, err
	}
	c := &compiler{
		collector: collector{file: def.File},
		def:       def,
		index:     index,
		catalogue: catalogue,
		values:    make(map[string][]string),
		plan: &Plan{
			Name:      def.Name,
			Plate:     index.Name,
			PlateRoot: index.Root,
		},
	}
	for _, component := range enums.Microscopy().Variable.Names() {
		c.values[component] = index.Values(component)
	}
	c.distinct()
	if err := c.settings(configuration); err != nil {
		return nil, fmt.Errorf("compile pipeline: %w", err)
	}
	c.steps()
	if err := c.err(); err != nil {
		return nil, err
	}
	c.simulate()
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := c.finish(slices.Clone(wells)); err != nil {
		return nil, fmt.Errorf("compile pipeline: %w", err)
	}
	return c.plan, nil
}

// compiler is one Compile.
type compiler struct {
	collector
	def       *Definition
	index     *plate.Index
	catalogue *function.Catalogue
	plan      *Plan
	values    map[string][]string // of each component on the plate
	keep      []bool              // of each step
	layouts   []*layout
	facts     []stepFacts // one per step
}

// distinct leaves one image for every place on the plate. Two files for one are
// a plate exported twice into a folder; the first by name is taken.
func (c *compiler) distinct() {
	first := make(map[plate.Coordinates]*plate.Image, len(c.index.Images))
	var images []plate.Image
	for i := range c.index.Images {
		image := &c.index.Images[i]
		before, twice := first[image.Coordinates]
		if !twice {
			first[image.Coordinates] = image
			images = append(images, *image)
			continue
		}
		c.warn("%s has two images, %s and %s; the first is used", image.Coordinates, before.Path, image.Path)
	}
	if len(images) < len(c.index.Images) {
		index := *c.index
		index.Images = images
		c.index = &index
	}
}

func checkWells(index *plate.Index, wells []string) error {
	if len(index.Images) == 0 {
		return fmt.Errorf("compile pipeline: plate %s has no images", index.Name)
	}
	if len(wells) == 0 {
		return errors.New("compile pipeline: no well is chosen")
	}
	all := index.Wells()
	for i, w := range wells {
		if !slices.Contains(all, w) {
			return fmt.Errorf("compile pipeline: %w", enums.Unknown("well", w, all))
		}
		if slices.Contains(wells[:i], w) {
			return fmt.Errorf("compile pipeline: well %s is chosen twice", w)
		}
	}
	return nil
}

// steps translates every step into the plate's own values.
func (c *compiler) steps() {
	for i := range c.def.Steps {
		def := &c.def.Steps[i]
		step := Step{
			Name:     def.Name,
			From:     def.From,
			Variable: texts(def.Variable),
			GroupBy:  def.GroupBy.Text,
			Objects:  def.Objects.Text,
		}
		for _, w := range def.Where {
			values := Values{Component: w.Component.Text}
			for _, v := range w.Values {
				if value, ok := c.plateValue(w.Component.Text, v, "where"); ok && !slices.Contains(values.Values, value) {
					values.Values = append(values.Values, value)
				}
			}
			step.Where = append(step.Where, values)
		}
		for _, b := range def.Branches {
			branch := Branch{Calls: c.calls(b.Calls)}
			if b.Value.Text != "" {
				value, ok := c.plateValue(def.GroupBy.Text, b.Value, "each")
				if !ok {
					continue
				}
				if slices.ContainsFunc(step.Branches, func(other Branch) bool { return other.Value == value }) {
					c.add(b.Value.At, "each: %s %s has two entries", def.GroupBy.Text, value)
				}
				if i := slices.IndexFunc(step.Where, func(v Values) bool { return v.Component == def.GroupBy.Text }); i >= 0 && !slices.Contains(step.Where[i].Values, value) {
					c.add(b.Value.At, "each: where leaves %s %s out, so this entry would do nothing", def.GroupBy.Text, value)
				}
				branch.Value = value
			}
			step.Branches = append(step.Branches, branch)
		}
		step.Keep = c.keep[i]
		c.plan.Steps = append(c.plan.Steps, step)
		c.plan.StepNames = append(c.plan.StepNames, step.Name)
	}
}

func (c *compiler) calls(defs []CallDefinition) []Call {
	calls := make([]Call, len(defs))
	for i, def := range defs {
		f, err := c.catalogue.Get(def.Function)
		if err != nil {
			c.add(def.At, "%v", err)
			continue
		}
		calls[i] = Call{
			Function:   f.Name,
			Version:    f.Version,
			Kind:       f.Kind,
			Parameters: def.Parameters,
			Objects:    def.Objects.Text,
			Gives:      f.GivesObjects,
			Measures:   f.Measures,
		}
	}
	return calls
}

// plateValue finds the plate's own value for what a file names: as it is, as
// the same number (01 for 1), or as a channel's name.
func (c *compiler) plateValue(component string, w Word, what string) (string, bool) {
	values := c.values[component]
	if slices.Contains(values, w.Text) {
		return w.Text, true
	}
	for _, v := range values {
		if sameNumber(v, w.Text) {
			return v, true
		}
	}
	if component == enums.Channel {
		var named []string
		for _, v := range values {
			if c.index.ChannelNames[v] == w.Text {
				named = append(named, v)
			}
		}
		switch len(named) {
		case 1:
			return named[0], true
		case 0:
			values = slices.Clone(values)
			for _, v := range values {
				if name := c.index.ChannelNames[v]; name != "" {
					values = append(values, name)
				}
			}
		default:
			c.add(w.At, "%s: %q is the name of channels %v; use one of these", what, w.Text, named)
			return "", false
		}
	}
	if len(values) == 0 {
		c.add(w.At, "%s: the images of plate %s have no %s", what, c.index.Name, component)
		return "", false
	}
	c.add(w.At, "%s: plate %s has no such %s: %v", what, c.index.Name, component, enums.Unknown(component, w.Text, values))
	return "", false
}

// sameNumber reports whether two texts are the same whole number written with
// and without leading zeros.
func sameNumber(a, b string) bool {
	digits := func(s string) (string, bool) {
		if s == "" {
			return "", false
		}
		for i := range len(s) {
			if s[i] < '0' || s[i] > '9' {
				return "", false
			}
		}
		for len(s) > 1 && s[0] == '0' {
			s = s[1:]
		}
		return s, true
	}
	x, okX := digits(a)
	y, okY := digits(b)
	return okX && okY && x == y
}
