package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/tui"
)

// show is what a person or a program sees of a run: a live plate map on a
// terminal, plain lines elsewhere, one JSON event per line with --json.
type show struct {
	app    *app
	events chan tui.Event // nil with --json
	done   chan struct{}  // closed when everything is drawn
	ctx    context.Context

	holds string

	mu     sync.Mutex // events and lines come from two goroutines
	closed bool
	broken error // a line could not be written
}

func (a *app) newShow(ctx context.Context, title, id string) *show {
	s := &show{app: a, done: make(chan struct{}), ctx: ctx}
	if a.json {
		close(s.done)
		return s
	}
	s.events = make(chan tui.Event, 256)
	go func() {
		defer close(s.done)
		var err error
		if terminal(a.errs) && a.getenv("TERM") != "dumb" {
			err = tui.Run(context.WithoutCancel(ctx), s.events, a.errs, tui.Options{Title: title})
		} else {
			fmt.Fprintf(a.errs, "%s (execution %s)\n", title, id)
			err = tui.Plain(context.WithoutCancel(ctx), s.events, a.errs, tui.Options{Title: title})
		}
		if err != nil { // nobody looks any more: the run goes on
			for range s.events {
			}
		}
	}()
	return s
}

// close waits until everything is drawn.
func (s *show) close() {
	s.mu.Lock()
	s.closed = true
	if s.events != nil {
		close(s.events)
	}
	s.mu.Unlock()
	<-s.done
}

// failure is why not every line could be written, nil when all were.
func (s *show) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return fmt.Errorf("write progress: %w", s.broken)
	}
	return nil
}

// send gives the drawing goroutine an event, which it always takes; false when
// there is no drawing (any more).
func (s *show) send(e tui.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events == nil || s.closed {
		return false
	}
	s.events <- e
	return true
}

func (s *show) say(text string) {
	if !s.send(tui.Event{Message: text}) {
		fmt.Fprintln(s.app.errs, text)
	}
}

func (s *show) event(e *progress.Event) {
	if s.app.json {
		if frame, err := e.JSON(); err == nil {
			s.line(frame)
		}
		return
	}
	t := tui.Event{
		At: progress.Time(e.GetTimestamp()), Well: e.GetWell(), Step: e.GetStep(),
		Percent: e.GetPercent(), Attempt: int(e.GetAttempt()),
	}
	if e.GetWell() == "" {
		t.Step, t.Percent = "", 0
		t.Wells = e.GetTotalWells()
		if e.GetPhase() == string(enums.PhaseRunning) { // how it ends is told at the end
			t.Message = e.GetMessage()
		}
	} else {
		t.Status = wellStatus(e)
		if reason, text, _ := strings.Cut(e.GetError(), ": "); reason != "" { // as the server puts them together
			t.Reason, t.Error = enums.ExitReason(reason), text
		}
	}
	s.send(t)
}

// wellStatus reads a well's state out of an event.
func wellStatus(e *progress.Event) enums.WellStatus {
	switch enums.Phase(e.GetPhase()) {
	case enums.PhaseAxisStarted, enums.PhaseStepStarted, enums.PhasePatternGroup, enums.PhaseStepCompleted:
		return enums.WellRunning
	case enums.PhaseAxisCompleted:
		return enums.WellComplete
	case enums.PhaseAxisError:
		return enums.WellFailed
	case enums.PhaseCancelled:
		return enums.WellCancelled
	case enums.PhaseQueued:
		return enums.WellRetryWait
	default:
		return ""
	}
}

// status fills in what lossy progress may have left out.
func (s *show) status(x message.Execution) {
	if s.app.json {
		return
	}
	if x.Hold != s.holds {
		s.holds = x.Hold
		if x.Hold != "" {
			s.send(tui.Event{Message: "holding back: " + x.Hold})
		}
	}
	var names []string
	for _, w := range x.Wells {
		names = append(names, w.Well)
	}
	if len(names) > 0 {
		s.send(tui.Event{Wells: names})
	}
	for _, w := range x.Wells {
		e := tui.Event{Well: w.Well, Status: w.Status, Attempt: w.Attempts, Error: w.Error, Reason: enums.ExitReason(w.Reason)}
		if w.Status == enums.WellRunning {
			e.Step, e.Percent = w.Step, w.Percent
		}
		s.send(e)
	}
}

func (s *show) away(err error) {
	if err != nil {
		s.say("the server does not answer; waiting for it: " + err.Error())
	} else {
		s.say("the server is back")
	}
}

func (s *show) line(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		_, s.broken = s.app.out.Write(append(frame, '\n'))
	}
}

// writeLine writes one JSON value on a line of its own.
func writeLine(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
