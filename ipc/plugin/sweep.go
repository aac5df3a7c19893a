package plugin

import "time"

// Remains are the processes of an attempt whose worker has ended, or is about to.
// The server sweeps them after each attempt, and a worker by itself when there is
// no server to do it.
type Remains struct {
	// Leader is the worker's number, 0 for none: its children and whoever is in its
	// group or session belong to the attempt. It is spared itself.
	Leader int
	// Marker is what they carry in the environment; "" = it is not known.
	Marker string
	// Members, when set, lists more of them.
	Members func() []int
	// Everywhere looks at all processes, and not just at the orphans that were
	// handed to this one: needed where this process is or was not the reaper.
	Everywhere bool
	// Others, when set, tells of a process that it is none of them.
	Others func(pid int) bool
	// Patience bounds the wait for their end.
	Patience time.Duration
}
