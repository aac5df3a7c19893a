package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// Submission is what a client handed in, as it is kept with the execution so
// that a later server can compile it again.
type Submission struct {
	PlatePath    string `json:"plate_path"`              // absolute
	Pipeline     string `json:"pipeline"`                // the text of the pipeline file
	PipelineName string `json:"pipeline_name,omitempty"` // the file's name, for messages
	Config       string `json:"config,omitempty"`        // the text of a configuration file
	// PipelineConfig is the text of a second one, over the first: OpenHCS's
	// clients hand in the pipeline's apart.
	PipelineConfig string         `json:"pipeline_config,omitempty"`
	Settings       map[string]any `json:"settings,omitempty"` // single values, which win over files
	Output         string         `json:"output,omitempty"`   // absolute; "" = beside the plate
	WellFilter     string         `json:"well_filter,omitempty"`
	Fresh          bool           `json:"fresh,omitempty"`    // do not reuse finished wells
	Artifact       string         `json:"artifact,omitempty"` // id of a compile_only execution it must equal
}

// Out is the absolute path of the results folder.
func (s Submission) Out() string {
	if s.Output != "" {
		return s.Output
	}
	return strings.TrimRight(s.PlatePath, string(filepath.Separator)) + "_wellhouse"
}

func (s Submission) encode() (json.RawMessage, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode submission: %w", err)
	}
	return text, nil
}

func decodeSubmission(text json.RawMessage) (Submission, error) {
	var s Submission
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a whole number stays one
	if err := decoder.Decode(&s); err != nil {
		return Submission{}, fmt.Errorf("decode submission: %w", err)
	}
	for key, value := range s.Settings {
		number, ok := value.(json.Number)
		if !ok {
			continue
		}
		if n, err := number.Int64(); err == nil {
			s.Settings[key] = n
		} else if f, err := number.Float64(); err == nil {
			s.Settings[key] = f
		}
	}
	return s, nil
}

// looksLikePython tells OpenHCS's generated pipeline source from a pipeline
// file: it is refused with an explanation, never read as YAML and never run.
func looksLikePython(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "from ") && strings.Contains(line, " import ") ||
			strings.HasPrefix(line, "def ") || strings.HasPrefix(line, "pipeline_steps") {
			return true
		}
	}
	return false
}
