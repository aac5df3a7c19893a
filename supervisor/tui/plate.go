package tui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Plate is what is known of a run.
type Plate struct {
	title   string
	started time.Time
	wells   map[string]*well
	message string
	looks   looks
}

type well struct {
	name        string
	row, column int // from 0; row -1 when the name is not a place on a plate
	status      enums.WellStatus
	step        string
	percent     float64
	attempt     int
	since       time.Time // of its attempt
	reason      enums.ExitReason
	err         string
	worked      bool // it ran here; a well that was reused did not
}

// NewPlate returns a plate of which only the wells, all pending, are known;
// wells that are not named here appear with their first event. The title is
// drawn above it; started is where the run's time counts from.
func NewPlate(title string, wells []string, started time.Time) *Plate {
	p := &Plate{title: title, started: started, wells: map[string]*well{}, looks: newLooks()}
	for _, name := range wells {
		p.well(name)
	}
	return p
}

// well returns the well of this name, in whatever spelling, new when it is unknown.
func (p *Plate) well(name string) *well {
	if w := p.wells[name]; w != nil {
		return w
	}
	row, column := -1, 0
	if canonical, err := plate.CanonicalWell(name); err == nil {
		name = canonical
		row, column = place(canonical)
	}
	w := p.wells[name]
	if w == nil {
		w = &well{name: name, row: row, column: column, status: enums.WellPending}
		p.wells[name] = w
	}
	return w
}

// place reads a canonical well name: "A01" is 0, 0; "AB03" is 27, 2.
func place(canonical string) (row, column int) {
	letters := strings.TrimRight(canonical, "0123456789")
	for _, letter := range letters {
		row = row*26 + int(letter-'A') + 1
	}
	column, _ = strconv.Atoi(canonical[len(letters):]) // digits, since the name is canonical
	return row - 1, column - 1
}

func rowName(row int) string {
	if row < 26 {
		return string(rune('A' + row))
	}
	return string(rune('A'+row/26-1)) + string(rune('A'+row%26))
}

// Apply takes an event. One that comes after the end of its well is ignored,
// unless it starts the well anew.
func (p *Plate) Apply(e Event) {
	if e.Well == "" {
		for _, name := range e.Wells {
			p.well(name)
		}
		if e.Message != "" {
			p.message = e.Message
		}
		return
	}
	w := p.well(e.Well)
	if w.status.Final() && e.Status == "" {
		return
	}
	if e.Attempt > w.attempt {
		w.attempt, w.step, w.percent, w.since = e.Attempt, "", 0, e.At
	}
	if e.Status != "" {
		if !active(w.status) && active(e.Status) {
			w.since, w.percent, w.step = e.At, 0, ""
		}
		w.worked = w.worked || active(e.Status)
		w.status = e.Status
	}
	if e.Step != "" {
		w.step = e.Step
	}
	if e.Percent > 0 {
		w.percent = min(e.Percent, 100)
	}
	if e.Reason != "" {
		w.reason, w.err = e.Reason, e.Error
	}
}

// active tells whether a process works on the well.
func active(s enums.WellStatus) bool {
	return s == enums.WellStarting || s == enums.WellRunning || s == enums.WellCommitting
}

// counts returns the number of wells by status.
func (p *Plate) counts() map[enums.WellStatus]int {
	n := map[enums.WellStatus]int{}
	for _, w := range p.wells {
		n[w.status]++
	}
	return n
}

func (p *Plate) finished() int {
	n := 0
	for _, w := range p.wells {
		if w.status.Final() {
			n++
		}
	}
	return n
}

// where returns the wells for which keep holds, in plate order.
func (p *Plate) where(keep func(*well) bool) []*well {
	var chosen []*well
	for _, w := range p.wells {
		if keep(w) {
			chosen = append(chosen, w)
		}
	}
	slices.SortFunc(chosen, func(a, b *well) int { return plate.CompareWells(a.name, b.name) })
	return chosen
}

// Rate returns how many wells are worked off per second, counting parts of
// running ones, and the time that is left at that rate. Both are 0 while there
// is too little to judge by. Wells whose results were reused do not count: they
// would promise a speed that the others do not have.
func (p *Plate) Rate(now time.Time) (perSecond float64, left time.Duration) {
	done, open := 0.0, 0.0
	for _, w := range p.wells {
		switch {
		case w.status.Final() && w.worked:
			done++
		case w.status.Final():
		case active(w.status):
			done += w.percent / 100
			open += 1 - w.percent/100
		default:
			open++
		}
	}
	elapsed := now.Sub(p.started).Seconds()
	if elapsed < 2 || done < 1 {
		return 0, 0
	}
	perSecond = done / elapsed
	return perSecond, time.Duration(open / perSecond * float64(time.Second))
}
