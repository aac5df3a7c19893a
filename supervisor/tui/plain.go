package tui

import (
	"context"
	"fmt"
	"io"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Plain writes a line for each thing worth knowing, until events is closed or
// ctx ends: what the plate tells, every well that ended and how, every attempt
// that will be repeated and why. Nothing of it moves or is coloured.
func Plain(ctx context.Context, events <-chan Event, out io.Writer, opts Options) error {
	opts = opts.withDefaults()
	p := NewPlate(opts.Title, opts.Wells, opts.Now())
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-events:
			if !open {
				return nil
			}
			if e.At.IsZero() {
				e.At = opts.Now()
			}
			if line := p.line(e); line != "" {
				if _, err := fmt.Fprintln(out, line); err != nil {
					return fmt.Errorf("write progress: %w", err)
				}
			}
		}
	}
}

// line applies an event and returns what is to be said of it, "" for nothing.
func (p *Plate) line(e Event) string {
	if e.Well == "" {
		known := p.message
		p.Apply(e)
		if e.Message == known {
			return ""
		}
		return oneLine(e.Message)
	}
	w := p.well(e.Well)
	before := w.status
	p.Apply(e)
	if w.status == before {
		return ""
	}
	switch w.status {
	case enums.WellRetryWait:
		return fmt.Sprintf("%s  will be tried again after attempt %d: %s", w.name, w.attempt, because(w))
	case enums.WellFailed:
		return fmt.Sprintf("%s  failed  (%d of %d done)  %s", w.name, p.finished(), len(p.wells), because(w))
	case enums.WellComplete, enums.WellCancelled:
		return fmt.Sprintf("%s  %s  (%d of %d done)", w.name, w.status, p.finished(), len(p.wells))
	default: // on its way
		return ""
	}
}
