package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// listed is how many lines below the plate tell of single wells, at most.
const listed = 8

// View draws the plate for a terminal of this size. No line is longer than width
// and there are fewer than height of them.
func (p *Plate) View(width, height int, now time.Time) string {
	if width < 1 || height < 2 {
		return ""
	}
	if len(p.wells) == 0 {
		return clip([]string{p.headline(), oneLine(p.message), elapsed(now.Sub(p.started))}, width, height)
	}
	head := []string{p.headline()}
	foot := append(p.legend(width), p.pace(now))
	if p.message != "" {
		foot = append(foot, oneLine(p.message))
	}
	detail := p.detail(now)
	// The plate first: single wells get the room it leaves, but one line at least.
	room := height - 1 - len(head) - len(foot)
	chart := p.chart(width, max(room-min(len(detail), 3), 2))
	detail = shorten(detail, room-len(chart))

	lines := append(head, chart...)
	lines = append(lines, foot...)
	return clip(append(lines, detail...), width, height)
}

func (p *Plate) headline() string { return lipgloss.NewStyle().Bold(true).Render(p.title) }

// legend counts the wells by state, with each state's letter and colour.
func (p *Plate) legend(width int) []string {
	counts := p.counts()
	lines := []string{fmt.Sprintf("%d of %d wells done", p.finished(), len(p.wells))}
	for _, s := range p.looks.byUrgency {
		n := counts[s.status]
		if n == 0 {
			continue
		}
		part := fmt.Sprintf("%s %d %s", s.style().Render(s.letter), n, s.name)
		last := &lines[len(lines)-1]
		if lipgloss.Width(*last)+3+lipgloss.Width(part) <= width {
			*last += "   " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}

// pace tells the time that passed, the rate and the time that is left.
func (p *Plate) pace(now time.Time) string {
	line := elapsed(now.Sub(p.started))
	if p.finished() == len(p.wells) {
		return line
	}
	perSecond, left := p.Rate(now)
	if perSecond == 0 {
		return line
	}
	return fmt.Sprintf("%s   %s   about %s left", line, rate(perSecond), approximate(left))
}

func elapsed(d time.Duration) string { return clock(d) + " elapsed" }

func rate(perSecond float64) string {
	if perSecond >= 1 {
		return fmt.Sprintf("%.1f wells/s", perSecond)
	}
	return fmt.Sprintf("%.1f wells/min", perSecond*60)
}

// clock writes a duration as 0:07, 12:34 or 1:02:03.
func clock(d time.Duration) string {
	s := int(max(d, 0).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// approximate writes an estimate no more exactly than it is.
func approximate(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "10 s"
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(10*time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// detail tells of the wells that a process works on, of those that wait to be
// tried again, and of those that failed.
func (p *Plate) detail(now time.Time) []string {
	var lines []string
	for _, w := range p.where(func(w *well) bool { return active(w.status) }) {
		line := clock(now.Sub(w.since)) + "  " + p.looks.of(w.status).name
		if w.status == enums.WellRunning {
			line = fmt.Sprintf("%3.0f %%  %s  %s", w.percent, clock(now.Sub(w.since)), oneLine(w.step))
		}
		if w.attempt > 1 {
			line += fmt.Sprintf("  (attempt %d)", w.attempt)
		}
		lines = append(lines, p.about(w, line))
	}
	for _, w := range p.where(func(w *well) bool { return w.status == enums.WellRetryWait }) {
		lines = append(lines, p.about(w, fmt.Sprintf("waits for attempt %d: %s", w.attempt+1, because(w))))
	}
	for _, w := range p.where(func(w *well) bool { return w.status == enums.WellFailed }) {
		lines = append(lines, p.about(w, because(w)))
	}
	return lines
}

// about puts a well's letter and name before what is said of it.
func (p *Plate) about(w *well, said string) string {
	look := p.looks.of(w.status)
	return fmt.Sprintf("%s %-4s %s", look.style().Render(look.letter), oneLine(w.name), said)
}

func because(w *well) string {
	text, reason := oneLine(w.err), string(w.reason)
	switch {
	case text == "":
		return reason
	case strings.HasPrefix(text, reason+":"): // as a panic's own words do
		return text
	}
	return reason + ": " + text
}

// oneLine makes text from elsewhere safe to print: no line breaks, no escapes.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// shorten keeps at most n lines and says how many it left out.
func shorten(lines []string, n int) []string {
	n = min(n, listed)
	switch {
	case n <= 0:
		return nil
	case len(lines) <= n:
		return lines
	}
	return append(lines[:n-1:n-1], fmt.Sprintf("  … and %d more", len(lines)-n+1))
}

// clip cuts lines to width and leaves the terminal's last line free.
func clip(lines []string, width, height int) string {
	narrow := lipgloss.NewStyle().MaxWidth(width)
	var kept []string
	for _, line := range lines {
		if line != "" && len(kept) < height-1 {
			kept = append(kept, narrow.Render(line))
		}
	}
	return strings.Join(kept, "\n")
}
