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

func backoff(failures int) time.Duration {
	delay := firstBackoff
	for range failures - 1 {
		delay *= 2
		if delay >= lastBackoff {
			return lastBackoff
		}
	}
	return delay
}
