package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

	mu     sync.Mutex // --json lines come from two goroutines
	holds  string
	broken error // writing failed: a closed pipe
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
	if s.events != nil {
		close(s.events)
	}
	<-s.done
}

func (s *show) send(e tui.Event) {
	if s.events != nil {
		s.events <- e
	}
}

func (s *show) say(text string) {
	if s.events == nil {
		fmt.Fprintln(s.app.errs, text)
		return
	}
	select {
	case s.events <- tui.Event{Message: text}:
	case <-s.done:
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
		t.Error = e.GetError()
		if t.Status == enums.WellRetryWait {
			t.Error = e.GetMessage()
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
