package server

import (
	"context"
	"fmt"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// artifactLife is how long the plan of a compile_only execution may be run.
const artifactLife = 30 * time.Minute

// matchArtifact refuses a plan of x that is not the one that the compile_only
// execution id came to; its record tells, also after a restart.
func (e *edge) matchArtifact(ctx context.Context, x engine.Execution, id, digest string) error {
	made, ok, err := e.known(ctx, id)
	if err != nil {
		return err
	}
	kept, err := recorded(made)
	switch {
	case err != nil:
		return err
	case !ok || !made.CompileOnly || made.Status != enums.ExecutionComplete || kept == nil || x.Submitted.Sub(made.Ended) > artifactLife:
		return fmt.Errorf("compiled artifact %s is not known, or not any more (they are kept for %s): compile again", id, artifactLife)
	case kept.Digest != digest:
		return fmt.Errorf("compiled artifact %s was made from another plate, pipeline or configuration: compile again", id)
	}
	return nil
}
