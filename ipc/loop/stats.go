package loop

import "sync/atomic"

// Stats counts what went through a loop since it was made.
type Stats struct {
	Requests      uint64 // messages on control, good and bad
	Malformed     uint64 // of these, answered by the loop
	Busy          uint64 // of these, refused because too many were open
	Expired       uint64 // of these, answered by the loop because nobody else did
	Open          int    // requests that wait for their reply now
	Replies       uint64
	Late          uint64 // replies to requests that had had one
	Undelivered   uint64 // of the replies, those whose client was gone
	Progress      uint64 // events from workers
	BadProgress   uint64 // frames from workers that are no events
	Published     uint64
	Dropped       uint64 // frames that newer ones replaced before they were sent
	Subscriptions uint64
	Received      uint64 // messages on a data socket that receives
	Denied        uint64 // connections and requests without a known key
	Crowded       uint64 // connections ended because too many were open
}

type counters struct {
	requests, malformed, busy, expired, replies, late, undelivered,
	progress, badProgress, published, subscriptions, received, denied, crowded atomic.Uint64
}

// Stats may be called from any goroutine.
func (l *Loop) Stats() Stats {
	open, dropped := l.desk.counts()
	c := &l.stats
	return Stats{
		Requests: c.requests.Load(), Malformed: c.malformed.Load(), Busy: c.busy.Load(), Expired: c.expired.Load(),
		Open: open, Replies: c.replies.Load(), Late: c.late.Load(), Undelivered: c.undelivered.Load(),
		Progress: c.progress.Load(), BadProgress: c.badProgress.Load(),
		Published: c.published.Load(), Dropped: dropped,
		Subscriptions: c.subscriptions.Load(), Received: c.received.Load(), Denied: c.denied.Load(), Crowded: c.crowded.Load(),
	}
}
