package result

import "errors"

// Merge writes the plate's files from the committed results: wells.csv,
// sites.csv, one table per kind of objects, joblog.tsv, plate.svg, plate.png,
// images/ and, last, manifest.json.
func (f *Folder) Merge(job Job) (Summary, error) { return Summary{}, errors.ErrUnsupported }
