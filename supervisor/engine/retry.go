package engine

import (
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Backoff between attempts of one well: it doubles from the first to the last.
const lastBackoff = time.Minute

// verdict is what follows from the end of an attempt.
type verdict struct {
	again  bool
	delay  time.Duration
	memory float64 // factor on the well's memory estimate and limit
}

// judge applies the retry policy to an attempt that ended for the given reason,
// as the failures-th failure of its well.
func judge(reason enums.ExitReason, failures, retries int) verdict {
	if failures > retries {
		return verdict{}
	}
	switch reason {
	case enums.ReasonOutOfMemory:
		// The same well in the same room dies again: more room, and through the
		// larger estimate fewer neighbours.
		return verdict{again: true, delay: backoff(failures), memory: 2}
	case enums.ReasonSignal, enums.ReasonPanic, enums.ReasonLost, enums.ReasonStalled,
		enums.ReasonStartFailed, enums.ReasonOutputInvalid:
		return verdict{again: true, delay: backoff(failures), memory: 1}
	default:
		// A function error, an unreadable input, a time limit or a refused
		// handshake would only repeat itself.
		return verdict{}
	}
}

func backoff(failures int) time.Duration { return doubled(firstBackoff, failures-1, lastBackoff) }

// doubled is the first delay after so many doublings, but not more than the last.
func doubled(first time.Duration, times int, last time.Duration) time.Duration {
	for range times {
		if first *= 2; first >= last {
			return last
		}
	}
	return first
}
