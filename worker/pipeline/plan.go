package pipeline

import (
	"fmt"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Plan is a pipeline compiled for a plate: what every well will do.
type Plan struct {
	Name      string // the pipeline's
	Plate     string
	PlateRoot string // absolute
	StepNames []string
	Steps     []Step
	Segments  []Segment
	Tables    Tables
	Wells     []WellPlan // the chosen wells, in natural order
	Warnings  []string   // about the pipeline or the plate as a whole
	// Settings are the resolved configuration outside any step.
	Settings config.Resolved
	// Digest is the same for the same steps over the same images (by path, size
	// and times of change), in hexadecimal.
	Digest string
}

// WellPlan is what is particular to one well.
type WellPlan struct {
	Well     string
	Images   []plate.Image // in natural order
	Warnings []string
	// PeakBytes estimates the memory of pixels and label maps at the worst
	// moment with one parcel at a time, and ParcelBytes what each further
	// parcel in parallel adds.
	PeakBytes   int64
	ParcelBytes int64
	// Digest is the same for the same steps over images of the same names. Looks is
	// the same while these files keep their size and times of change: results with
	// both equal may be reused, and those with an equal Digest if the files still
	// hold what they were made from.
	Digest, Looks string
}

// Task is the work of one well, frozen and self-contained. It is registered
// as wellhouse.task.WellTask.
type Task struct {
	Execution        string        `json:"execution"`
	Pipeline         string        `json:"pipeline"`
	Plate            string        `json:"plate"`
	PlateRoot        string        `json:"plate_root"` // absolute
	Well             string        `json:"well"`
	Attempt          int           `json:"attempt"`   // from 1
	Threads          int           `json:"threads"`   // goroutines for computing, at least 1
	Directory        string        `json:"directory"` // where the attempt writes, absolute
	Lock             string        `json:"lock"`      // file whose flock says that the well has a live worker
	ProgressEndpoint string        `json:"progress_endpoint"`
	Steps            []Step        `json:"steps"`
	Segments         []Segment     `json:"segments"`
	Tables           Tables        `json:"tables"`
	Images           []plate.Image `json:"images"`
	Warnings         []string      `json:"warnings"`
	PeakBytes        int64         `json:"peak_bytes"`
	Digest           string        `json:"digest"`
	LogLevel         string        `json:"log_level"`
}

// Step is a compiled step. All its values are values of the plate.
type Step struct {
	Name     string   `json:"name"`
	From     Source   `json:"from"`
	Where    []Values `json:"where"`    // planes outside pass through unchanged
	Variable []string `json:"variable"` // components that vary inside a stack
	GroupBy  string   `json:"group_by"` // component that chooses the branch, or "none"
	Branches []Branch `json:"branches"`
	Objects  string   `json:"objects"` // the name that made objects get, or ""
	Keep     bool     `json:"keep"`    // write the step's planes and label maps
}

// Values are some values of one component.
type Values struct {
	Component string   `json:"component"`
	Values    []string `json:"values"`
}

// Branch is what happens to the planes of one value of the step's group_by, or
// to every plane where Value is "".
type Branch struct {
	Value string `json:"value"`
	Calls []Call `json:"calls"`
}

// Call is one function with its parameters.
type Call struct {
	Function   string        `json:"function"`
	Version    int           `json:"version"`
	Kind       function.Kind `json:"kind"`
	Parameters any           `json:"parameters"` // the function's registered parameter struct
	Objects    string        `json:"objects"`    // the objects it takes, or ""
	Gives      bool          `json:"gives"`      // it makes the step's objects
	Measures   bool          `json:"measures"`
}

// Segment is a run of steps that a well goes through parcel by parcel; before
// every segment but the first there is a barrier.
type Segment struct {
	First int `json:"first"` // index of the first step
	Last  int `json:"last"`  // index of the last step
	// Varies are the components that may differ inside a parcel. Planes that
	// agree in all others belong to the same one.
	Varies []string `json:"varies"`
	// Why says what made the barrier before this segment.
	Why string `json:"why"`
}

// Tables says which columns tables have, decided over the whole plate so that
// every well's fragment has the same ones.
type Tables struct {
	Z       bool      `json:"z"` // rows are per z plane: Metadata_Z
	T       bool      `json:"t"` // rows are per time point: Metadata_T
	Objects []Objects `json:"objects"`
}

// Objects are the objects that one step makes.
type Objects struct {
	Name string `json:"name"`
	Step int    `json:"step"` // index of the step that makes them
	// Channels they are made in, over the whole plate; [""] where the channel
	// was reduced. With more than one, rows carry Metadata_Channel.
	Channels []string `json:"channels"`
}

// Table returns the objects of that name.
func (t Tables) Table(name string) (Objects, bool) {
	i := slices.IndexFunc(t.Objects, func(o Objects) bool { return o.Name == name })
	if i < 0 {
		return Objects{}, false
	}
	return t.Objects[i], true
}

// Task returns the frozen task of a well. The caller fills in Execution,
// Attempt, Threads, Directory, Lock and ProgressEndpoint.
func (p *Plan) Task(well string) (Task, error) {
	i := slices.IndexFunc(p.Wells, func(w WellPlan) bool { return w.Well == well })
	if i < 0 {
		wells := make([]string, len(p.Wells))
		for i, w := range p.Wells {
			wells[i] = w.Well
		}
		return Task{}, fmt.Errorf("make task: %w", enums.Unknown("well", well, wells))
	}
	w := p.Wells[i]
	return Task{
		Pipeline:  p.Name,
		Plate:     p.Plate,
		PlateRoot: p.PlateRoot,
		Well:      w.Well,
		Attempt:   1,
		Threads:   1,
		Steps:     slices.Clone(p.Steps),
		Segments:  slices.Clone(p.Segments),
		Tables:    p.Tables,
		Images:    slices.Clone(w.Images),
		Warnings:  slices.Clone(w.Warnings),
		PeakBytes: w.PeakBytes,
		Digest:    w.Digest,
		LogLevel:  string(p.Settings.Pipeline().LogLevel),
	}, nil
}
