package server

import (
	"context"
	"fmt"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// artifactLife is how long the plan of a compile_only execution may be run.
const artifactLife = 30 * time.Minute

// matchArtifact refuses a plan that is not the one that a compile_only execution
// came to; its record tells, also after a restart.
func (e *edge) matchArtifact(ctx context.Context, id, digest string) error {
	x, ok, err := e.known(ctx, id)
	if err != nil {
		return err
	}
	kept, err := recorded(x)
	switch {
	case err != nil:
		return err
	case !ok || !x.CompileOnly || x.Status != enums.ExecutionComplete || kept == nil || e.now().Sub(x.Ended) > artifactLife:
		return fmt.Errorf("compiled artifact %s is not known, or not any more (they are kept for %s): compile again", id, artifactLife)
	case kept.Digest != digest:
		return fmt.Errorf("compiled artifact %s was made from another plate, pipeline or configuration: compile again", id)
	}
	return nil
}
