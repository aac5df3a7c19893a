package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// facts are what committing and merging need to know of a compiled plan. They are
// on record with the execution: after a restart its results are finished as they
// were begun, whether or not the plate can be read.
type facts struct {
	Plate         string            `json:"plate"` // its name
	Root          string            `json:"root"`
	Pipeline      string            `json:"pipeline"`
	Configuration string            `json:"configuration"` // digest of steps and settings, the same for any choice of wells
	Digest        string            `json:"digest"`        // of the whole plan, images included
	Warnings      []string          `json:"warnings,omitempty"`
	Settings      json.RawMessage   `json:"settings,omitempty"` // resolved, with their origins
	Versions      map[string]string `json:"versions"`           // of functions
}

func (e *edge) factsOf(p *pipeline.Plan) (facts, error) {
	digest, err := e.configurationDigest(p)
	if err != nil {
		return facts{}, err
	}
	f := facts{
		Plate: p.Plate, Root: p.PlateRoot, Pipeline: p.Name, Configuration: digest, Digest: p.Digest, Warnings: p.Warnings,
		Versions: map[string]string{},
	}
	if f.Settings, err = json.Marshal(p.Settings.Explain()); err != nil {
		return facts{}, fmt.Errorf("encode settings: %w", err)
	}
	for _, step := range p.Steps {
		for _, b := range step.Branches {
			for _, c := range b.Calls {
				f.Versions[c.Function] = fmt.Sprint(c.Version)
			}
		}
	}
	return f, nil
}

// differ is the error of a plan that is not configured as the one on record. Where
// only the plate can be the reason, it may not be complete: it is waited for.
func (f *facts) differ(found facts) error {
	if maps.Equal(f.Versions, found.Versions) && bytes.Equal(f.Settings, found.Settings) {
		return marked{
			errors.New("the plate has other channels, time points or planes than when the execution began: it may not be complete yet"),
			engine.ErrPlateAway,
		}
	}
	return errors.New("functions or settings are others than when the execution began: run it again")
}

// configurationDigest stands for steps and function versions alone, so that
// reruns of some wells merge with the others.
func (e *edge) configurationDigest(p *pipeline.Plan) (string, error) {
	text, err := e.names.Encode(pipeline.Task{Steps: p.Steps, Segments: p.Segments, Tables: p.Tables})
	if err != nil {
		return "", fmt.Errorf("digest configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// recorded are the facts of an execution that was compiled before; nil of one
// that was not.
func recorded(x engine.Execution) (*facts, error) {
	if len(x.Plan) == 0 {
		return nil, nil
	}
	var f facts
	if err := json.Unmarshal(x.Plan, &f); err != nil {
		return nil, fmt.Errorf("read what is on record of a plan: %w", err)
	}
	return &f, nil
}
