package function

import (
	"context"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// Kind says how a function treats the stack it is given.
type Kind string

const (
	// Planewise functions work on each plane on its own: N planes in, N out.
	Planewise Kind = "planewise"
	// Stackwise functions use statistics over the whole stack: N in, N out.
	Stackwise Kind = "stackwise"
	// Reducing functions make one plane of N; the variable components of the
	// step are gone afterwards.
	Reducing Kind = "reducing"
)

// Definition is one function of the catalogue.
type Definition struct {
	Name      string // as pipelines write it, in snake case
	Summary   string // one sentence
	Reference string // the source of the algorithm
	Version   int    // bumped when results change: wells are reused only with the same version
	Kind      Kind

	TakesObjects bool // needs Call.Objects
	GivesObjects bool // sets Call.Objects
	Measures     bool // appends to Call.Rows

	// Parameters is a struct value that holds the defaults. Its fields carry the
	// tags json (name), unit, min, max, choices ("a|b") and doc.
	Parameters any
	Apply      func(c *Call) error
}

// Call is one application of a function to one stack.
type Call struct {
	Context    context.Context
	Parameters any               // the Definition's parameter type, decoded and range-checked
	Stack      imaging.Stack     // in: the planes; out: the result (same N, or 1 for Reducing)
	Objects    []*imaging.Labels // in for TakesObjects, out for GivesObjects: one per plane
	Rows       []Measurement     // out for Measures: appended to
	Threads    int               // goroutines the function may use; less than 1 means 1
	Well       string            // the well, for faults that hit only some wells
	Attempt    int               // from 1
}

// Measurement is one number about one object or one plane.
type Measurement struct {
	Plane   int    // index in Call.Stack
	Object  int    // label, 1..Count; 0 is the plane as a whole
	Feature string // e.g. "AreaShape_Area"; the pipeline adds object and channel names
	Value   float64
}
