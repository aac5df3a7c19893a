package server

import (
	"context"
	"time"
)

const (
	// replayPause is the least time between two replays. A subscription reaches
	// everybody, so that a client that subscribes over and over must not make the
	// server repeat itself as often.
	replayPause = 100 * time.Millisecond
	// mostReplayed is how many events one replay has at most.
	mostReplayed = 8192
)

// replays publishes the latest events again when somebody has subscribed; those
// who subscribe at once share a replay.
type replays struct {
	replay func()
	asked  chan struct{}
}

func newReplays(replay func()) *replays { return &replays{replay, make(chan struct{}, 1)} }

// ask never waits.
func (r *replays) ask() {
	select {
	case r.asked <- struct{}{}:
	default: // one that is to come serves both
	}
}

func (r *replays) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
		}
		r.replay()
		pause.Reset(replayPause)
	}
}
