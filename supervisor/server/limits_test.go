package server

import (
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
)

// A grace of 0 is one, and not the default of who is not asked.
func TestNoGraceIsNone(t *testing.T) {
	t.Parallel()
	settings := config.Defaults().Pipeline
	if got := limitsOf(settings, 7); got.Grace != 10*time.Second || got.Memory != 7 || got.Processes != settings.Processes {
		t.Errorf("the defaults become %+v", got)
	}
	settings.Grace = 0
	if got := limitsOf(settings, 0); got.Grace <= 0 || got.Grace > time.Millisecond {
		t.Errorf("a grace of 0 becomes %s", got.Grace)
	}
}
