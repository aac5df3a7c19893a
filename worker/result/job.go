package result

import (
	"encoding/json"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Job is what an execution knows about its plate when it merges.
type Job struct {
	Execution string
	Plate     string
	PlateRoot string // where the images were
	Pipeline  string // the pipeline's name

	PipelineText string // the pipeline file, word for word

	Configuration json.RawMessage   // resolved configuration with origins, as it goes into manifest.json
	Versions      map[string]string // of the program and of functions, by name
	Fingerprint   string            // of the registry
	Inputs        []FileDigest      // beside those the outcomes name: the pipeline file, metadata

	Started, Ended time.Time

	Wells    []Well   // every well of the plan, in any order
	Whole    bool     // these are all wells that the plate has, not a choice of them
	Warnings []string // about the plate as a whole
}

// Well is how a well ended in an execution.
type Well struct {
	Well     string
	Status   enums.WellStatus
	Attempts int              // 0: as many as its committed result took
	Reason   enums.ExitReason // of the last attempt; "" when there was none
	Error    string
	Warnings []string
	Jobs     []Attempt // the attempts of this execution; none for a reused well
}

// Attempt is one line of joblog.tsv.
type Attempt struct {
	Number     int              `json:"number"`
	Reason     enums.ExitReason `json:"reason,omitempty"`
	ExitCode   int              `json:"exit_code"`
	Signal     string           `json:"signal,omitempty"`
	Started    time.Time        `json:"started"`
	Ended      time.Time        `json:"ended"`
	CPU        time.Duration    `json:"cpu_ns"`      // user and system
	PeakMemory int64            `json:"peak_memory"` // bytes
	LastStep   string           `json:"last_step,omitempty"`
	Error      string           `json:"error,omitempty"`
	LogTail    []string         `json:"log_tail,omitempty"` // last lines of its log
}

// Summary is what a merge made.
type Summary struct {
	Wells     int // rows of wells.csv
	Earlier   int // of them, kept from earlier executions and not in this job
	Complete  int
	Failed    int
	Cancelled int
	Missing   int            // wells of the plan without a result and without a final status
	Objects   map[string]int // rows by object table
	Problems  []Problem      // wells whose committed results could not be used
	Warnings  []string       // of the merge as a whole
	Files     []FileDigest   // merged files, relative to the folder
}

// Problem is a well that ended well but whose result the merge refused; it is
// counted as failed, with reason "output_invalid" or "lost".
type Problem struct {
	Well   string
	Reason enums.ExitReason
	Error  string
}
