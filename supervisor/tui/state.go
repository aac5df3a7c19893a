package tui

import (
	"image/color"

	"charm.land/lipgloss/v2"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// state is how one state of a well looks and reads.
type state struct {
	status enums.WellStatus
	letter string
	name   string
	color  color.Color
	dark   bool // the colour needs light text on it
}

// states lists the states by urgency, the one a person should see first foremost.
// Colours are Okabe and Ito's, told apart with any colour vision.
func states() []state {
	return []state{
		{enums.WellFailed, "X", "failed", lipgloss.Color("#D55E00"), true},
		{enums.WellRetryWait, "r", "waiting to retry", lipgloss.Color("#E69F00"), false},
		{enums.WellRunning, ">", "running", lipgloss.Color("#56B4E9"), false},
		{enums.WellCommitting, "w", "writing results", lipgloss.Color("#0072B2"), true},
		{enums.WellStarting, "s", "starting", lipgloss.Color("#F0E442"), false},
		{enums.WellCancelled, "-", "cancelled", lipgloss.Color("#CC79A7"), false},
		{enums.WellPending, ".", "pending", nil, false},
		{enums.WellComplete, "+", "complete", lipgloss.Color("#009E73"), true},
	}
}

// looks is how each status looks, and how urgent it is: its place in states.
type looks struct {
	byUrgency []state
	urgency   map[enums.WellStatus]int
}

func newLooks() looks {
	l := looks{states(), map[enums.WellStatus]int{}}
	for i, s := range l.byUrgency {
		l.urgency[s.status] = i
	}
	return l
}

// moreUrgent tells whether a person should see a rather than b.
func (l looks) moreUrgent(a, b enums.WellStatus) bool {
	return b == "" || l.urgency[a] < l.urgency[b]
}

func (l looks) of(s enums.WellStatus) state { return l.byUrgency[l.urgency[s]] }

func (s state) style() lipgloss.Style {
	style := lipgloss.NewStyle()
	if s.color == nil {
		return style.Faint(true)
	}
	text := lipgloss.Color("#000000")
	if s.dark {
		text = lipgloss.Color("#FFFFFF")
	}
	return style.Background(s.color).Foreground(text).Bold(true)
}
