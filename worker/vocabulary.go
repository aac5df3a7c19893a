package worker

import (
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// Vocabulary returns the registry of every type that travels between a server
// and its workers. Both ends make theirs with it and compare fingerprints.
func Vocabulary(catalogue *function.Catalogue) (*registry.Registry, error) {
	r := registry.New()
	for _, err := range []error{config.Register(r), catalogue.Register(r), pipeline.Register(r)} {
		if err != nil {
			return nil, fmt.Errorf("build vocabulary: %w", err)
		}
	}
	return r, nil
}
