package result

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

const jobKind = "wellhouse.job"

// jobRecord is what stays of an execution: the rows and attempts that a later
// execution over some of the wells merges with its own.
type jobRecord struct {
	Execution     string      `json:"execution"`
	Configuration string      `json:"configuration,omitempty"`
	Sequence      int         `json:"sequence"` // of the folder's executions; the clock may have been set between two
	Started       time.Time   `json:"started"`
	Wells         []jobResult `json:"wells"`
}

type jobResult struct {
	Well     string           `json:"well"`
	Status   enums.WellStatus `json:"status"`
	Attempts int              `json:"attempts"`
	Reason   enums.ExitReason `json:"reason,omitempty"`
	Error    string           `json:"error,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	Jobs     []Attempt        `json:"jobs,omitempty"`
}

// plannedWell is one row of wells.csv on its way.
type plannedWell struct {
	jobResult
	execution string     // that said so
	result    *committed // whose rows are merged; nil for none
	parts     []part     // its fragments, once the schema is united
}

// mergePlan is everything a merge knows before it writes.
type mergePlan struct {
	job      Job
	folder   *Folder
	results  map[string]lookup // by well, each checked once
	records  []jobRecord       // this execution's last
	wells    []*plannedWell
	schemas  map[string]*schema
	problems []Problem
	warnings []string
	earlier  int
	away     error // set when the folder could not be reached, which says nothing about a result
}

// lookup is what was found of a well's committed result: none, a damaged one
// (err) or a good one.
type lookup struct {
	result *committed
	err    error
}

func (p *mergePlan) lookup(well string) lookup {
	found, ok := p.results[well]
	if !ok {
		found.result, found.err = p.folder.committed(well)
		p.results[well] = found
		if Away(found.err) {
			p.away = fmt.Errorf("read result of %s: %w", well, found.err)
		}
	}
	return found
}

func (p *mergePlan) foreign(c *committed) bool {
	return c != nil && !sameConfiguration(c.stamp.Configuration, p.folder.options.configuration)
}

// plan decides what the merged files hold. It reads records and the headers of
// fragments, and changes nothing.
func (f *Folder) plan(job Job) (*mergePlan, error) {
	p := &mergePlan{job: job, folder: f, results: map[string]lookup{}, schemas: map[string]*schema{}, warnings: slices.Clone(job.Warnings)}
	own := jobRecord{Execution: f.execution, Configuration: f.options.configuration, Started: job.Started.UTC()}
	seen := map[string]*plannedWell{}
	for _, w := range job.Wells {
		if !safeName(w.Well) || seen[w.Well] != nil {
			return nil, fmt.Errorf("well %q is given twice, or cannot name a file", w.Well)
		}
		r := jobResult(w)
		if r.Status == "" {
			r.Status = enums.WellPending
		}
		own.Wells = append(own.Wells, r)
		seen[w.Well] = &plannedWell{jobResult: r, execution: f.execution}
		p.wells = append(p.wells, seen[w.Well])
	}
	slices.SortFunc(own.Wells, func(a, b jobResult) int { return comparePositions(a.Well, b.Well) })
	if err := p.readRecords(own); err != nil {
		return nil, err
	}
	if err := p.addEarlier(seen); err != nil {
		return nil, err
	}
	slices.SortFunc(p.wells, func(a, b *plannedWell) int { return comparePositions(a.Well, b.Well) })
	for _, w := range p.wells {
		p.attach(w)
	}
	if p.away != nil {
		return nil, p.away
	}
	p.unite()
	return p, nil
}

// readRecords reads what earlier executions left, oldest first.
func (p *mergePlan) readRecords(own jobRecord) error {
	f := p.folder
	entries, err := os.ReadDir(f.hidden("jobs"))
	if err != nil {
		return fmt.Errorf("list job records: %w", err)
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || name == f.execution || strings.HasPrefix(name, ".") {
			continue
		}
		var r jobRecord
		switch err := readRecord(f.hidden("jobs", entry.Name()), jobKind, &r); {
		case errors.Is(err, ErrInvalid):
			p.warnings = append(p.warnings, fmt.Sprintf("the record of execution %s is damaged and left as it is: its attempts are missing in joblog.tsv", name))
		case err != nil:
			return err
		default:
			p.records = append(p.records, r)
		}
	}
	slices.SortFunc(p.records, func(a, b jobRecord) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), a.Started.Compare(b.Started), strings.Compare(a.Execution, b.Execution))
	})
	own.Sequence = 1
	if n := len(p.records); n > 0 {
		own.Sequence += p.records[n-1].Sequence
	}
	p.records = append(p.records, own)
	return nil
}

// addEarlier adds the wells that this job does not name but an earlier one
// left here, when they were made with the same configuration. Those of
// another stay committed, but a table never mixes configurations.
func (p *mergePlan) addEarlier(seen map[string]*plannedWell) error {
	f := p.folder
	var otherwise []string
	for _, r := range slices.Backward(p.records[:len(p.records)-1]) {
		for _, w := range r.Wells {
			switch {
			case seen[w.Well] != nil:
			case !sameConfiguration(r.Configuration, f.options.configuration), p.foreign(p.lookup(w.Well).result):
				otherwise = append(otherwise, w.Well)
			default:
				seen[w.Well] = &plannedWell{jobResult: w, execution: r.Execution}
				p.wells = append(p.wells, seen[w.Well])
				p.earlier++
			}
		}
	}
	// A result whose execution stopped before it could merge has no record yet.
	committedWells, err := f.Wells()
	if err != nil {
		return err
	}
	for _, well := range committedWells {
		if seen[well] != nil {
			continue
		}
		found := p.lookup(well)
		c := found.result
		switch {
		case found.err != nil:
			p.warnings = append(p.warnings, fmt.Sprintf("well %s, which is not of this run, is left out: %s", well, p.inside(found.err)))
		case p.foreign(c):
			otherwise = append(otherwise, well)
		default:
			seen[well] = &plannedWell{
				jobResult: jobResult{Well: well, Status: enums.WellComplete, Attempts: c.stamp.Attempt, Reason: enums.ReasonOK},
				execution: c.stamp.Execution,
			}
			p.wells = append(p.wells, seen[well])
			p.earlier++
		}
	}
	if p.job.Whole && len(p.wells) > len(p.job.Wells) {
		var gone []string
		for _, w := range p.wells[len(p.job.Wells):] {
			gone = append(gone, w.Well)
		}
		slices.SortFunc(gone, comparePositions)
		p.warnings = append(p.warnings, fmt.Sprintf("%s kept from an earlier run although the plate has no image of it now: %s",
			plural(len(gone), "well"), someOf(gone)))
	}
	otherwise = slices.DeleteFunc(otherwise, func(well string) bool { return seen[well] != nil })
	slices.SortFunc(otherwise, comparePositions)
	if otherwise = slices.Compact(otherwise); len(otherwise) > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("%s of an earlier run with another pipeline or configuration left out: %s; run them again to have them in the tables",
			plural(len(otherwise), "well"), someOf(otherwise)))
	}
	return nil
}

func sameConfiguration(a, b string) bool { return a == "" || b == "" || a == b }

// attach finds the committed result whose rows belong to the well's row.
func (p *mergePlan) attach(w *plannedWell) {
	w.Warnings = slices.Clone(w.Warnings)
	found := p.lookup(w.Well)
	c, err := found.result, found.err
	if p.foreign(c) {
		c = nil
	}
	switch {
	case w.Status == enums.WellComplete && err != nil:
		p.refuse(w, enums.ReasonOutputInvalid, err)
		return
	case w.Status == enums.WellComplete && c == nil:
		p.refuse(w, enums.ReasonLost, errors.New("no committed result of the well was found"))
		return
	case err != nil:
		w.Warnings = append(w.Warnings, "the result of an earlier run is damaged and left out")
		return
	case c == nil:
		return
	}
	if w.Status != enums.WellComplete {
		w.Warnings = append(w.Warnings, "the rows are those of an earlier, complete run")
	}
	if w.Attempts == 0 {
		w.Attempts = c.stamp.Attempt
	}
	if w.Status == enums.WellComplete && w.Reason == "" {
		w.Reason = enums.ReasonOK
	}
	// The caller may have taken them from the outcome already.
	own := w.Warnings
	w.Warnings = slices.Clone(c.outcome.Warnings)
	for _, warning := range own {
		if !slices.Contains(w.Warnings, warning) {
			w.Warnings = append(w.Warnings, warning)
		}
	}
	w.result = c
	if err := w.readParts(); Away(err) {
		p.away = fmt.Errorf("read result of %s: %w", w.Well, err)
	} else if err != nil {
		p.refuse(w, enums.ReasonOutputInvalid, err)
	}
}

// refuse makes a well that ended well a failed one, since its result is not.
func (p *mergePlan) refuse(w *plannedWell, reason enums.ExitReason, err error) {
	w.result, w.parts = nil, nil
	message := p.inside(err)
	if errors.Is(err, fs.ErrNotExist) {
		reason = enums.ReasonLost
	}
	if w.Status != enums.WellComplete {
		w.Warnings = append(w.Warnings, "the result of an earlier run is left out: "+message)
		return
	}
	w.Status, w.Reason, w.Error = enums.WellFailed, reason, message
	p.problems = append(p.problems, Problem{Well: w.Well, Reason: reason, Error: message})
}

// inside words an error with paths relative to the folder: tables name no
// place outside it.
func (p *mergePlan) inside(err error) string {
	return strings.ReplaceAll(err.Error(), p.folder.out+string(filepath.Separator), "")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// someOf lists a few names and how many more there are.
func someOf(names []string) string {
	const few = 12
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
