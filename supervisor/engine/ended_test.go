package engine

import (
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// An attempt ends when its worker did and not when a server came to know, unless
// that is no time between its start and now.
func TestAttemptEndsWhenItsWorkerDid(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ evidence, want time.Duration }{
		"known":            {time.Minute, time.Minute},
		"before its start": {-time.Minute, time.Hour},
		"to come":          {2 * time.Hour, time.Hour},
	} {
		b := newBench(t, 0, 1)
		started := b.well("A").Last().Started
		b.pass(time.Hour)
		b.ended("A", enums.ReasonOK, func(e *Ended) { e.Evidence.Ended = started.Add(at.evidence) })
		if got := b.well("A").Last().Ended.Sub(started); got != at.want {
			t.Errorf("%s: it took %s, want %s", name, got, at.want)
		}
	}
}
