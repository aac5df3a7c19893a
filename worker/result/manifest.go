package result

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// manifestSchema is the version of manifest.json; it grows by one whenever a
// field changes its meaning or goes away.
const manifestSchema = 1

// Manifest is manifest.json: what the folder holds and what it was made from.
type Manifest struct {
	Schema        int               `json:"schema"`
	Kind          string            `json:"kind"` // "wellhouse.manifest"
	Execution     string            `json:"execution"`
	Plate         string            `json:"plate"`
	PlateRoot     string            `json:"plate_root,omitempty"`
	Pipeline      string            `json:"pipeline,omitempty"`
	PipelineHash  string            `json:"pipeline_sha256,omitempty"` // of the file
	PipelineText  string            `json:"pipeline_text,omitempty"`   // the file, word for word
	Started       string            `json:"started,omitempty"`         // UTC, ISO 8601
	Ended         string            `json:"ended,omitempty"`
	Versions      map[string]string `json:"versions,omitempty"`
	Fingerprint   string            `json:"fingerprint,omitempty"`
	Digest        string            `json:"configuration_digest,omitempty"`
	Configuration json.RawMessage   `json:"configuration,omitempty"`
	Counts        ManifestCounts    `json:"counts"`
	Warnings      []string          `json:"warnings"`
	Wells         []ManifestWell    `json:"wells"`
	Files         []FileDigest      `json:"files"`  // merged, all but the manifest itself
	Inputs        []FileDigest      `json:"inputs"` // relative to plate_root unless absolute
}

// ManifestCounts are the numbers of a [Summary].
type ManifestCounts struct {
	Wells     int            `json:"wells"`
	Complete  int            `json:"complete"`
	Failed    int            `json:"failed"`
	Cancelled int            `json:"cancelled"`
	Missing   int            `json:"missing"`
	Objects   map[string]int `json:"objects"`
}

// ManifestWell is a well's outcome with its evidence.
type ManifestWell struct {
	Well      string           `json:"well"`
	Status    enums.WellStatus `json:"status"`
	Attempts  int              `json:"attempts"`
	Reason    enums.ExitReason `json:"exit_reason,omitempty"`
	Error     string           `json:"error,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`
	Execution string           `json:"execution"` // that said how it ended

	Result   *ManifestResult  `json:"result,omitempty"`   // whose rows are in the tables
	Evidence *ManifestAttempt `json:"evidence,omitempty"` // of the last attempt
}

// ManifestResult is where a well's rows come from.
type ManifestResult struct {
	Execution string         `json:"execution"`
	Attempt   int            `json:"attempt"`
	Origin    Origin         `json:"origin"`
	Counts    map[string]int `json:"counts,omitempty"`
	Started   string         `json:"started,omitempty"`
	Ended     string         `json:"ended,omitempty"`
	Read      float64        `json:"read_seconds"`
	Compute   float64        `json:"compute_seconds"`
	Write     float64        `json:"write_seconds"`
}

// ManifestAttempt is what is known of how an attempt ended.
type ManifestAttempt struct {
	Attempt    int              `json:"attempt"`
	Reason     enums.ExitReason `json:"exit_reason,omitempty"`
	ExitCode   int              `json:"exit_code"`
	Signal     string           `json:"signal,omitempty"`
	Started    string           `json:"started,omitempty"`
	Ended      string           `json:"ended,omitempty"`
	CPU        float64          `json:"cpu_seconds"`
	PeakMemory int64            `json:"peak_memory"`
	LastStep   string           `json:"last_step,omitempty"`
	Error      string           `json:"error,omitempty"`
	LogTail    []string         `json:"log_tail,omitempty"`
}

func (p *mergePlan) writeManifest(out io.Writer, s Summary) error {
	m := Manifest{
		Schema: manifestSchema, Kind: "wellhouse.manifest",
		Execution: p.job.Execution, Plate: p.job.Plate, PlateRoot: p.job.PlateRoot, Pipeline: p.job.Pipeline,
		Started: isoTime(p.job.Started), Ended: isoTime(p.job.Ended),
		Versions: p.job.Versions, Fingerprint: p.job.Fingerprint,
		Digest: p.folder.options.configuration, Configuration: p.job.Configuration,
		Counts:   ManifestCounts{Wells: s.Wells, Complete: s.Complete, Failed: s.Failed, Cancelled: s.Cancelled, Missing: s.Missing, Objects: s.Objects},
		Warnings: append([]string{}, s.Warnings...),
		Files:    append([]FileDigest{}, s.Files...),
		Inputs:   append([]FileDigest{}, p.job.Inputs...),
		Wells:    []ManifestWell{},
	}
	if text := p.job.PipelineText; text != "" {
		sum := sha256.Sum256([]byte(text))
		m.PipelineHash, m.PipelineText = hex.EncodeToString(sum[:]), text
	}
	for _, w := range p.wells {
		m.Wells = append(m.Wells, w.manifest())
		if w.result != nil {
			m.Inputs = append(m.Inputs, w.result.outcome.Inputs...)
		}
	}
	slices.SortFunc(m.Inputs, func(a, b FileDigest) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256))
	})
	m.Inputs = slices.Compact(m.Inputs)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(m)
}

func (w *plannedWell) manifest() ManifestWell {
	m := ManifestWell{
		Well: w.Well, Status: w.Status, Attempts: w.Attempts, Reason: w.Reason, Error: w.Error,
		Warnings: w.Warnings, Execution: w.execution,
	}
	if w.result != nil {
		o, s := w.result.outcome, w.result.stamp
		m.Result = &ManifestResult{
			Execution: s.Execution, Attempt: s.Attempt, Origin: s.Origin, Counts: o.Counts,
			Started: isoTime(o.Started), Ended: isoTime(o.Ended),
			Read: seconds(o.Read), Compute: seconds(o.Compute), Write: seconds(o.Write),
		}
	}
	if n := len(w.Jobs); n > 0 {
		a := w.Jobs[n-1]
		m.Evidence = &ManifestAttempt{
			Attempt: a.Number, Reason: a.Reason, ExitCode: a.ExitCode, Signal: a.Signal,
			Started: isoTime(a.Started), Ended: isoTime(a.Ended), CPU: seconds(a.CPU),
			PeakMemory: a.PeakMemory, LastStep: a.LastStep, Error: a.Error, LogTail: a.LogTail,
		}
	}
	return m
}

// seconds to the microsecond, so that the text stays readable.
func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
