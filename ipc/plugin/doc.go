// Package plugin starts, reaches, stops and finds again the process that works
// on one well, and is the other end of that in the worker itself.
//
// # Worker side
//
// [Serve] answers the five calls of workerpb.Worker over a unix socket that
// go-plugin sets up. It keeps the process's own standard error as its log,
// points standard output there once the server has said hello, takes exactly
// one task, and ends the process when its purpose is gone: the task is done, it
// was asked to stop, or its server vanished and did not come back. Where no
// server may be there to do it, what the task started is ended too (see [Remains]).
//
// # Server side
//
// [Start] runs a binary as a worker through a runner of our own, because
// go-plugin's lets one line on standard error bring the host down and can block
// for ever on a stopped worker or a grandchild. The worker leads its own
// session; its log is a file that no pipe of the server stands behind; one
// goroutine waits for its end by pidfd, kills what is left of its group while
// the dead leader still reserves the number, and only then reaps it and records
// wait status and resource use. [Reattach] takes over a worker of an earlier
// server by its [Record]; a process that is not provably that worker is never
// signalled.
//
// # Promises
//
//   - No call blocks for ever: every RPC has a deadline, and every wait ends
//     with the process or a bound.
//   - A worker never depends on the server's pipes or on its being alive.
//   - After [Worker.Exited] is closed nothing of the worker's process group runs.
//
// # Left out
//
// When the server sweeps, limits, memory, the reading of outcomes and reasons:
// those are supervisor/process's.
//
// # Goroutines
//
// Per worker on the server: one that waits for the exit, and go-plugin's own,
// which end with [Worker.Release] or [Worker.Detach]. In the worker: one per
// signal and task, until the process ends.
package plugin
