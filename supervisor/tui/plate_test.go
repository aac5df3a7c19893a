package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"pgregory.net/rapid"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func after(d time.Duration) time.Time { return start().Add(d) }

func wellNames(g grid) []string {
	var names []string
	for row := range g.rows {
		for column := range g.columns {
			names = append(names, fmt.Sprintf("%s%02d", rowName(row), column+1))
		}
	}
	return names
}

// unstyled removes colours, as a terminal without them would show the text.
func unstyled(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 0x1b {
			for s[i] != 'm' {
				i++
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestViewOfA24WellPlate(t *testing.T) {
	t.Parallel()
	p := NewPlate("P1 · nuclei", wellNames(grid{4, 6}), start())
	for _, e := range []Event{
		{Well: "A01", Status: enums.WellRunning, Attempt: 1},
		{Well: "A01", Status: enums.WellComplete},
		{Well: "A02", Status: enums.WellRunning, Attempt: 1},
		{Well: "A02", Status: enums.WellFailed, Reason: enums.ReasonInputUnreadable, Error: "a.tif is\ncut"},
		{Well: "B03", Status: enums.WellRunning, Attempt: 2, At: after(5 * time.Second)},
		{Well: "B03", Step: "smooth", Percent: 50, At: after(6 * time.Second)},
		{Well: "c4", Status: enums.WellRetryWait, Attempt: 1, Reason: enums.ReasonSignal},
		{Message: "holding back: memory"},
	} {
		p.Apply(e)
	}
	want := `P1 · nuclei
   1   2   3   4   5   6
A  +   X   .   .   .   .
B  .   .   >   .   .   .
C  .   .   .   r   .   .
D  .   .   .   .   .   .
2 of 24 wells done   X 1 failed   r 1 waiting to retry   > 1 running
. 20 pending   + 1 complete
0:30 elapsed   5.0 wells/min   about 4 min left
holding back: memory
> B03   50 %  0:25  smooth  (attempt 2)
r C04  waits for attempt 2: signal
X A02  input_unreadable: a.tif is cut`
	if got := strings.ReplaceAll(unstyled(p.View(80, 24, after(30*time.Second))), " \n", "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestSeveralWellsShareACellWhenThereIsNoRoom(t *testing.T) {
	t.Parallel()
	p := NewPlate("big", wellNames(grid{32, 48}), start())
	for _, name := range wellNames(grid{32, 48}) {
		p.Apply(Event{Well: name, Status: enums.WellComplete})
	}
	p.Apply(Event{Well: "AB07", Status: enums.WellFailed})
	lines := strings.Split(unstyled(p.View(60, 24, start())), "\n")
	failed := 0
	for _, line := range lines[2:] {
		label, cells, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		if strings.Contains(cells, "X") && strings.Contains(label, "-") {
			failed++
			if !strings.Contains(label, "AB") && !strings.HasPrefix(label, "AA-") {
				t.Errorf("AB07 failed, the line says %q", line)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d lines show the failed well:\n%s", failed, strings.Join(lines, "\n"))
	}
}

// Whatever the terminal's size and the plate's, the picture fits.
func TestViewFits(t *testing.T) {
	t.Parallel()
	sizes := []grid{{1, 1}, {2, 3}, {8, 12}, {16, 24}, {32, 48}}
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom(sizes).Draw(t, "plate")
		p := NewPlate("a title that may be longer than the line", wellNames(g), start())
		statuses := enums.WellStatuses()
		for i, name := range wellNames(g) {
			p.Apply(Event{Well: name, Status: statuses[i*7%len(statuses)], Step: "segment", Percent: 40, Reason: enums.ReasonPanic, Error: "why"})
		}
		width, height := rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 80).Draw(t, "height")
		lines := strings.Split(p.View(width, height, after(time.Minute)), "\n")
		if len(lines) > max(height-1, 1) {
			t.Errorf("%d lines of %d", len(lines), height)
		}
		for _, line := range lines {
			if w := lipgloss.Width(line); w > width {
				t.Errorf("a line of %d of %d columns: %q", w, width, line)
			}
		}
	})
}

// With room for one well per cell, every well is drawn, in its place.
func TestEveryWellHasItsCell(t *testing.T) {
	t.Parallel()
	for _, g := range []grid{{8, 12}, {16, 24}, {32, 48}} {
		names := wellNames(g)
		for _, at := range []int{0, len(names) / 3, len(names) - 1} {
			p := NewPlate("", names, start())
			p.Apply(Event{Well: names[at], Status: enums.WellFailed})
			chart := p.chart(200, 40)
			if len(chart) != g.rows+1 {
				t.Fatalf("%d lines for %d rows", len(chart), g.rows)
			}
			row := unstyled(chart[1+at/g.columns])
			if cells := strings.Fields(row)[1:]; len(cells) != g.columns || cells[at%g.columns] != "X" {
				t.Errorf("%s is not where it should be: %q", names[at], row)
			}
		}
	}
}

func TestLettersTellStatesApart(t *testing.T) {
	t.Parallel()
	letters := map[string]bool{}
	for _, s := range states() {
		letters[s.letter] = true
	}
	for _, s := range enums.WellStatuses() {
		if look := newLooks().of(s); look.status != s {
			t.Errorf("%s has no look", s)
		}
	}
	if len(letters) != len(enums.WellStatuses()) {
		t.Errorf("%d letters for %d states", len(letters), len(enums.WellStatuses()))
	}
}

func TestRateLeavesOutReusedWells(t *testing.T) {
	t.Parallel()
	p := NewPlate("", wellNames(grid{1, 10}), start())
	for column := range 5 {
		p.Apply(Event{Well: fmt.Sprintf("A%02d", column+1), Status: enums.WellComplete}) // from an earlier run
	}
	if perSecond, _ := p.Rate(after(time.Minute)); perSecond != 0 {
		t.Errorf("%v wells/s though none was worked on", perSecond)
	}
	p.Apply(Event{Well: "A06", Status: enums.WellRunning})
	p.Apply(Event{Well: "A06", Status: enums.WellComplete})
	p.Apply(Event{Well: "A07", Status: enums.WellRunning, Percent: 50})
	perSecond, left := p.Rate(after(15 * time.Second))
	if perSecond != 0.1 || left != 35*time.Second {
		t.Errorf("got %v wells/s, %v left", perSecond, left)
	}
}

func TestLateProgressDoesNotReviveAWell(t *testing.T) {
	t.Parallel()
	p := NewPlate("", nil, start())
	p.Apply(Event{Well: "A01", Status: enums.WellFailed, Reason: enums.ReasonPanic})
	p.Apply(Event{Well: "A01", Step: "late", Percent: 10})
	if w := p.wells["A01"]; w.status != enums.WellFailed || w.step != "" {
		t.Errorf("got %+v", w)
	}
}

func TestRowNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"A01": 0, "Z01": 25, "AA01": 26, "AF48": 31} {
		row, _ := place(name)
		if row != want || rowName(row) != strings.TrimRight(name, "0123456789") {
			t.Errorf("%s is row %d, %s", name, row, rowName(row))
		}
	}
}

func BenchmarkViewOf1536Wells(b *testing.B) {
	p := NewPlate("", wellNames(grid{32, 48}), start())
	for b.Loop() {
		p.View(120, 50, after(time.Minute))
	}
}
