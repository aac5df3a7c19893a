// Package tui shows a run as it happens: on a terminal a plate that fills in,
// one cell per well ([Run]), elsewhere a line per thing worth knowing ([Plain]).
//
// It promises:
//
//   - a state is told by a letter as well as by a colour, so NO_COLOR and colour
//     blindness lose nothing (the colours are Okabe and Ito's);
//   - the picture fits the terminal: a plate too large for it is drawn with
//     several wells to a cell, each cell showing the most urgent of them;
//   - events are taken as fast as they come; drawing happens a few times a second;
//   - the last picture stays on the screen.
//
// [Plate] is what is known of the run: a value fed with events that draws itself
// for any size and moment, and has no clock, terminal or goroutine.
//
// It leaves out input: the terminal stays as it is, and Ctrl-C is a signal for
// the caller to act on.
//
// Goroutines: those of the drawing library, ended before Run returns.
package tui
