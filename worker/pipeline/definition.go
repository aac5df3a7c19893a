package pipeline

import "github.com/wellhouse-hcs/wellhouse/registry/config"

// Source says which planes a step reads.
type Source string

const (
	// Previous is the output of the step before, and the plate's images for
	// the first step. It is the default.
	Previous Source = "previous"
	// PipelineStart is the plate's images as they are on the disk.
	PipelineStart Source = "pipeline_start"
)

// Definition is a pipeline file, checked as far as the catalogue of functions
// goes; whether it suits a plate is for [Compile] to say.
type Definition struct {
	File        string // as given to Parse, for messages
	Name        string
	Description string
	Config      config.Layer // the top-level config: block
	Steps       []StepDefinition
}

// StepDefinition is one step of the file.
type StepDefinition struct {
	Name        string
	At          Position
	Description string
	From        Source
	Where       []Selection
	// Variable are the components that vary inside a stack.
	Variable []Word
	// GroupBy is the component that chooses among Branches, or "none".
	GroupBy Word
	// Branches has one entry with an empty Value for a step that does the same
	// to every plane, else one per value of GroupBy, in the file's order.
	Branches []BranchDefinition
	Objects  Word // the name that the objects the step makes get; "" makes none
	// Config is the step's config: block, with keep: folded in.
	Config config.Layer
}

// Selection limits a step to some values of one component.
type Selection struct {
	Component Word
	Values    []Word
}

// BranchDefinition is what happens to the planes of one value of group_by.
type BranchDefinition struct {
	Value Word
	Calls []CallDefinition
}

// CallDefinition is one function with its parameters.
type CallDefinition struct {
	Function   string
	At         Position
	Parameters any  // the function's parameter struct, complete and in range
	Objects    Word // the objects it takes; "" for a function that takes none
}

// Word is a text of the file and where it stands.
type Word struct {
	Text string
	At   Position
}
