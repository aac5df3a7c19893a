// Package worker is the process that works on one well.
//
// [Main] serves the worker plugin: it describes itself, takes exactly one task,
// holds the well's lock while it works, and ends. An [Executor] does the work of
// a task: it reads images, calls functions stack by stack, gathers objects and
// measurements, and writes the well's part of every table and the images that
// steps keep into the attempt's directory.
//
// # What it promises
//
//   - How the attempt ended is written to outcome.json, last and flushed,
//     before the reply goes out: the server may be gone by then.
//   - The same task gives the same tables and images, byte for byte, whatever
//     the number of threads.
//   - Only the planes that the parcels at work need are in memory; an image that
//     no function asks for is never read.
//   - A cancelled context ends the work before the next stack.
//   - An image that cannot be read is input_unreadable with the file named, an
//     error of a function is function_error with step and function named.
//   - Progress never makes the work wait.
//
// # What it leaves out
//
// A panic in a function is not recovered: the process dies with its trace in
// the log, and the server says "panic". Deciding whether to try again, limits,
// and committing results belong to the server.
//
// # Goroutines
//
// While a segment runs, at most Task.Threads goroutines work on parcels; they
// end before the segment does. Those of the plugin and of the progress pusher
// are described there.
package worker
