package pipeline

import (
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Register enters the task and its parts under their stable names. The
// parameters inside it are registered by the catalogue of functions.
func Register(r *registry.Registry) error {
	for _, t := range []struct {
		name      string
		prototype any
	}{ // parts before what holds them
		{"wellhouse.plate.Image", plate.Image{}},
		{"wellhouse.task.Values", Values{}},
		{"wellhouse.task.Call", Call{}},
		{"wellhouse.task.Branch", Branch{}},
		{"wellhouse.task.Step", Step{}},
		{"wellhouse.task.Segment", Segment{}},
		{"wellhouse.task.Objects", Objects{}},
		{"wellhouse.task.Tables", Tables{}},
		{"wellhouse.task.WellTask", Task{}},
	} {
		if err := r.Register(t.name, t.prototype); err != nil {
			return fmt.Errorf("register task: %w", err)
		}
	}
	return nil
}
