package plugin

import (
	"testing"
	"time"
)

func TestOrphanGraceOutlastsARestart(t *testing.T) {
	t.Setenv(EnvOrphanGrace, "")
	if got := (ServeOptions{}).withDefaults().OrphanGrace; got != 10*time.Minute {
		t.Errorf("grace %s: the manual says 10 minutes", got)
	}
	t.Setenv(EnvOrphanGrace, "3s")
	if got := (ServeOptions{}).withDefaults().OrphanGrace; got != 3*time.Second {
		t.Errorf("grace %s, want the environment's", got)
	}
}
