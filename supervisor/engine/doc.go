// Package engine decides what happens to executions, wells and attempts.
//
// It has two halves. [Machine] is pure: it is fed events, in order, and answers
// each with the effects to carry out; it reads no clock, starts no goroutine
// and touches no file, so any schedule of faults can be replayed against it.
// [Engine] is the edge: one goroutine feeds the machine, a second one makes
// every change durable before the effects that depend on it are carried out,
// and effects that take time (compiling, a well's process, merging) run in
// goroutines of their own whose results come back as events.
//
// The package promises:
//
//   - every well of an execution ends in exactly one final state, with the
//     evidence of each of its attempts;
//   - a final state never changes;
//   - nothing is shown or published before it is durable;
//   - the intent to start a process is durable before the process starts;
//   - no more than the allowed number of wells run at once, and no more than
//     measured memory has room for.
//
// It leaves out what a pipeline is, how a process is run and how results are
// written: those come in through [Edge].
//
// Goroutines: Engine.Run owns the machine's loop and the persister; both end
// when its context ends, after every effect they started has returned.
package engine
