// Package pipeline turns a pipeline file, a plate's index and configuration
// into frozen tasks, one per well.
//
// # What it promises
//
//   - [Parse] reads a file strictly: an unknown key, function, parameter or
//     component is a problem at file:line:column that names the nearest valid
//     name, and every problem of the file is reported, not the first alone.
//   - [Compile] checks every step against every well before anything starts, by
//     walking the well's planes through the pipeline without reading a pixel. A
//     plan that compiles can fail only by what is in an image or a function.
//   - One unreadable image or missing field never fails a plate here: it is its
//     well's business, or a warning.
//   - A [Task] is self-contained and travels through the registry. The same
//     file, plate and configuration give the same plan and the same digest,
//     whichever machine or number of workers.
//
// # Planes, stacks, parcels, segments
//
// A plane is one (Y, X) image with its [plate.Coordinates]. A step stacks the
// planes that differ only in its variable components into one (N, Y, X) stack
// and calls its function once per stack; planewise functions may be called with
// a part of such a stack, because planes do not see each other there. A reducing
// function turns its stack into one plane, and the variable components are gone
// for the steps after it.
//
// Consecutive steps form a [Segment]. A well goes through a segment parcel by
// parcel (planes that share every component outside [Segment.Varies]), so its
// memory follows its largest parcel. Between two segments, a barrier, the well's
// planes stay in memory, or are read again where the segment starts from the
// disk. The plan marks the barriers and estimates the peak.
//
// # What it leaves out
//
// Running anything: package worker executes a task. Finding images: package
// plate. The package starts no goroutine that outlives a call.
package pipeline
