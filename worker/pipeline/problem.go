package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a pipeline file; lines and columns count from 1. The
// zero Position is the file as a whole.
type Position struct{ Line, Column int }

// Problem is one thing wrong with a pipeline file.
type Problem struct {
	File string
	Position
	Message string // what is wrong, and what would be right
}

// Error reads FILE:LINE:COLUMN: MESSAGE.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Problems is the error of [Parse] and [Compile]: everything wrong with one
// pipeline file, in the order of the file.
type Problems struct{ List []Problem }

// Error has one problem per line.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single problems to errors.As.
func (p *Problems) Unwrap() []error {
	errs := make([]error, len(p.List))
	for i, problem := range p.List {
		errs[i] = problem
	}
	return errs
}

// most bounds how many problems of one file are kept: a file of another kind
// altogether would have thousands.
const most = 50

// collector gathers the problems of one file.
type collector struct {
	file string
	list []Problem
}

func (c *collector) add(at Position, format string, args ...any) {
	c.list = append(c.list, Problem{File: c.file, Position: at, Message: fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of the file, each once, or nil.
func (c *collector) err() error {
	if len(c.list) == 0 {
		return nil
	}
	list := slices.Clone(c.list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	list = slices.Compact(list)
	if len(list) > most {
		rest := len(list) - most
		list = append(list[:most], Problem{File: c.file, Message: fmt.Sprintf("and %d more problems", rest)})
	}
	return &Problems{List: list}
}
