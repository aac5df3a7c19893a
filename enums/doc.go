// Package enums holds Wellhouse's vocabularies: the closed ones (statuses,
// phases, exit reasons, roles …) and the plate components, which are built at
// run time from a component set and a multiprocessing axis.
//
// # What it promises
//
//   - A closed vocabulary is a typed string with one constant per member.
//     ParseX and UnmarshalText accept members and nothing else; what they
//     refuse is answered with the valid names, the nearest first.
//   - A qualified name has exactly one [Enumeration] and one [Member] object
//     per process, however often and from however many goroutines it is
//     defined. Members are compared with ==. A redefinition that differs is
//     refused and says what differs.
//   - Over the wire a member travels as its qualified name
//     ("wellhouse.components.microscopy.GroupBy.channel"); [Lookup] gives back
//     the member itself, never a copy.
//   - [Nearest] and [Unknown] word every "no such name" message of the project
//     in the same way.
//
// # What it leaves out
//
// Meaning. Which status may follow which is the engine's business, and what a
// component does to a stack is the pipeline's.
//
// The intern table of this package is the one mutable global of the project:
// identity per process cannot be had from a value that is passed around. It
// only ever grows, and it is guarded by a lock. The package starts no
// goroutine.
package enums
