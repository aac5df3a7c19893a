package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

const (
	// statusPeriod is the time between questions for the status: progress is
	// lossy, so the end of an execution must not depend on it.
	statusPeriod = time.Second
	// Patience is how long a server may be away, restarting, before a follower
	// gives up.
	Patience = 2 * time.Minute
)

// ErrLost is returned when the server stayed away for longer than Patience.
var ErrLost = errors.New("the connection to the server was lost")

// Follower hears about an execution. Its methods are called one at a time.
type Follower struct {
	Event  func(*progress.Event)   // news, newest per well first when following begins late
	Status func(message.Execution) // a full look, about once a second
	Away   func(err error)         // the server does not answer; nil when it does again
}

// Follow watches an execution until it has ended and returns its final state,
// through restarts of the server. Ending ctx stops watching, not the execution.
func (c *Client) Follow(ctx context.Context, id string, f Follower) (message.Execution, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := control.Subscribe(ctx, c.data, c.options.control())
	if err != nil {
		return message.Execution{}, fmt.Errorf("subscribe to progress: %w", err)
	}
	news := &news{events: events, id: id, told: map[mark]bool{}}
	c.catchUp(ctx, news, f)
	ticker := time.NewTicker(statusPeriod)
	defer ticker.Stop()
	var awaySince time.Time
	for {
		x, err := c.Status(ctx, id)
		var refusal *message.Error
		switch {
		case err == nil:
			if !awaySince.IsZero() {
				awaySince = time.Time{}
				c.catchUp(ctx, news, f)
				f.away(nil)
			}
			f.status(x)
			if x.Status.Final() {
				for _, event := range news.arrived() {
					f.event(event)
				}
				return x, nil
			}
		case ctx.Err() != nil:
			return message.Execution{}, ctx.Err()
		case errors.As(err, &refusal):
			return message.Execution{}, err
		case awaySince.IsZero():
			awaySince = time.Now()
			f.away(err)
		case time.Since(awaySince) > Patience:
			return message.Execution{}, fmt.Errorf("%w: %w", ErrLost, err)
		}
		if !news.listen(ctx, ticker.C, f) {
			return message.Execution{}, ctx.Err()
		}
	}
}

// news are the events of one execution. Catching up and the subscription may
// bring the same event; it is told once.
type news struct {
	events <-chan *progress.Event
	id     string
	told   map[mark]bool // by catching up
}

// mark tells events apart, those of a restarted server too.
type mark struct {
	sequence uint64
	at       float64
}

func markOf(e *progress.Event) mark { return mark{e.GetSequence(), e.GetTimestamp()} }

// is tells whether what was received is to be told.
func (n *news) is(e *progress.Event, open bool) bool {
	if !open {
		n.events = nil
		return false
	}
	return e.GetExecution() == n.id && !n.told[markOf(e)]
}

// arrived are the events that have come already.
func (n *news) arrived() []*progress.Event {
	var events []*progress.Event
	for {
		select {
		case e, open := <-n.events:
			if n.is(e, open) {
				events = append(events, e)
			}
		default:
			return events
		}
	}
}

// listen hands on events until the next question for the status is due: at the
// tick, or at once when the plate has ended. It returns false when ctx ends.
func (n *news) listen(ctx context.Context, tick <-chan time.Time, f Follower) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case event, ok := <-n.events:
			if !n.is(event, ok) {
				continue
			}
			f.event(event)
			if event.GetWell() == "" && terminal(event) {
				return true
			}
		}
	}
}

func terminal(e *progress.Event) bool {
	switch enums.Phase(e.GetPhase()) {
	case enums.PhaseSuccess, enums.PhaseFailed, enums.PhaseCancelled:
		return true
	default:
		return false
	}
}

// catchUp registers for progress and hands on the latest event of every well,
// with what the subscription has brought meanwhile in its place.
func (c *Client) catchUp(ctx context.Context, n *news, f Follower) {
	var registration message.Registration
	if c.Call(ctx, message.RegisterProgress{ClientID: c.id}, &registration) != nil {
		return // the status will say so
	}
	var events []*progress.Event
	for _, fields := range registration.Events {
		frame, err := json.Marshal(fields)
		if err != nil {
			continue
		}
		if event, err := progress.ParseJSON(frame); err == nil && event.GetExecution() == n.id {
			events = append(events, event)
			n.told[markOf(event)] = true
		}
	}
	events = append(events, n.arrived()...)
	slices.SortStableFunc(events, func(a, b *progress.Event) int { return cmp.Compare(a.GetSequence(), b.GetSequence()) })
	for _, event := range events {
		f.event(event)
	}
}

func (f Follower) event(e *progress.Event) {
	if f.Event != nil {
		f.Event(e)
	}
}

func (f Follower) status(x message.Execution) {
	if f.Status != nil {
		f.Status(x)
	}
}

func (f Follower) away(err error) {
	if f.Away != nil {
		f.Away(err)
	}
}
