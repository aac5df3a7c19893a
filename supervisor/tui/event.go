package tui

import (
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Event tells something of one well, or, when Well is "", of the plate. Fields
// that are zero leave what is known as it is.
type Event struct {
	At      time.Time        // when it happened; zero means when it arrives
	Well    string           // "A01"; "" for the plate
	Status  enums.WellStatus // the well's state
	Step    string           // what the well is at
	Percent float64          // how far the well is, 0 to 100
	Attempt int              // from 1
	Reason  enums.ExitReason // why an attempt ended
	Error   string           // one sentence, with Reason
	Wells   []string         // of the plate: every well of the run, known from the start
	Message string           // of the plate: something a person should read
}
