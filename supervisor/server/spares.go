package server

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// shortWell is the median duration of a well up to which starting its
	// process ahead of time is worth a process that waits.
	shortWell = 2 * time.Second
	// recentWells is how many durations the median is taken over.
	recentWells = 16
)

// spareKeeper decides how many workers wait for a task: as many as can run at
// once and have a well to come, while wells are short; none otherwise, so that
// an idle server keeps no process.
type spareKeeper struct {
	fixed   int // -1 = decide here
	workers int
	waiting func() int // wells that have not started
	set     func(int)
	nudge   chan struct{}

	mu     sync.Mutex
	recent []time.Duration
}

func newSpareKeeper(fixed, workers int, waiting func() int, set func(int)) *spareKeeper {
	return &spareKeeper{fixed: fixed, workers: workers, waiting: waiting, set: set, nudge: make(chan struct{}, 1)}
}

// ended notes how long a well took.
func (k *spareKeeper) ended(took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recent = append(k.recent, took)
	if len(k.recent) > recentWells {
		k.recent = k.recent[1:]
	}
}

func (k *spareKeeper) wanted() int {
	most := min(k.workers, k.waiting())
	if k.fixed >= 0 {
		return min(k.fixed, most)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.recent) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(k.recent))
	if sorted[len(sorted)/2] > shortWell {
		return 0
	}
	return most
}

// look asks the keeper to decide again.
func (k *spareKeeper) look() {
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// run sets the number of spares whenever something has changed, until ctx ends.
func (k *spareKeeper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.nudge:
			k.set(k.wanted())
		}
	}
}
