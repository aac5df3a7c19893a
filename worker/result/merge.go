package result

import (
	"fmt"
	"io"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Merge writes the plate's files from the committed results: wells.csv,
// sites.csv, one table per kind of objects, joblog.tsv, plate.svg, plate.png,
// images/ and, last, manifest.json.
//
// Every well of the job has a row in wells.csv. Wells that earlier executions
// left in this folder with the same configuration keep theirs, so rerunning
// some wells completes the same tables. Repeating a merge gives the same
// bytes. When it fails, on a full disk for one, the files of the merge before
// are untouched.
func (f *Folder) Merge(job Job) (Summary, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	summary, err := f.merge(job)
	if err != nil {
		return Summary{}, fmt.Errorf("merge results: %w", err)
	}
	return summary, nil
}

func (f *Folder) merge(job Job) (_ Summary, err error) {
	p, err := f.plan(job)
	if err != nil {
		return Summary{}, err
	}
	// The record first: it re-derives joblog.tsv, should the rest not happen.
	own := p.records[len(p.records)-1]
	if err := writeRecord(f.fs, f.hidden("jobs", f.execution+".json"), jobKind, own); err != nil {
		return Summary{}, err
	}
	s, err := f.stage()
	if err != nil {
		return Summary{}, err
	}
	defer func() {
		if err != nil && !f.fs.stopped(err) {
			s.abandon()
		}
	}()
	if err := checkSpace(f.out, p.tableBytes()); err != nil {
		return Summary{}, err
	}
	if err := p.stageFiles(s); err != nil {
		return Summary{}, err
	}
	if err := p.stageImages(s); err != nil {
		return Summary{}, err
	}
	summary := p.summary()
	summary.Files = slices.Clone(s.files)
	if err := s.file("manifest.json", func(w io.Writer) error { return p.writeManifest(w, summary) }); err != nil {
		return Summary{}, err
	}
	if err := s.publish(); err != nil {
		return Summary{}, err
	}
	summary.Files = s.files
	return summary, nil
}

func (p *mergePlan) stageFiles(s *stage) error {
	wells, err := p.wellsTable()
	if err != nil {
		return fmt.Errorf("build wells.csv: %w", err)
	}
	if err := s.file("wells.csv", wells.WriteCSV); err != nil {
		return err
	}
	if p.schemas[SitesTable] == nil { // no well got that far; the file is there all the same
		p.schemas[SitesTable] = &schema{columns: []Column{
			{Name: "Metadata_Plate", Kind: Text}, {Name: "Metadata_Well", Kind: Text}, {Name: "Metadata_Site", Kind: Text},
		}}
	}
	for _, table := range p.tables() {
		if err := s.file(table+".csv", func(w io.Writer) error { return p.writeTable(w, table) }); err != nil {
			return err
		}
	}
	if err := s.file("joblog.tsv", p.writeJobLog); err != nil {
		return err
	}
	drawing := p.heatmap(wells)
	if err := s.file("plate.svg", drawing.writeSVG); err != nil {
		return err
	}
	return s.file("plate.png", drawing.writePNG)
}

// tableBytes is about what the merged tables will take.
func (p *mergePlan) tableBytes() int64 {
	var bytes int64
	for _, w := range p.wells {
		if w.result == nil {
			continue
		}
		for _, file := range w.result.outcome.Files {
			if len(fragmentNames([]FileDigest{file})) > 0 {
				bytes += file.Bytes
			}
		}
	}
	return bytes
}

func (p *mergePlan) summary() Summary {
	s := Summary{Wells: len(p.wells), Earlier: p.earlier, Objects: map[string]int{}, Problems: p.problems, Warnings: p.warnings}
	for _, w := range p.wells {
		switch w.Status {
		case enums.WellComplete:
			s.Complete++
		case enums.WellFailed:
			s.Failed++
		case enums.WellCancelled:
			s.Cancelled++
		default:
			s.Missing++
		}
	}
	for _, table := range p.objectTables() {
		s.Objects[table] = p.schemas[table].rows
	}
	return s
}
