// Package process runs one attempt at one well: from starting its worker to the
// evidence of how it ended.
//
// # Promises
//
//   - [Runner.Run] and [Runner.Adopt] return exactly one [Result] with exactly
//     one reason, and not before the worker, its process group, its control
//     group and every descendant that carries its marker are gone. The one
//     exception is a process stuck in the kernel: then Result.Gone is set, and
//     the worker's slot must stay empty until it is closed.
//   - A well counts as done when its outcome file says so and every digest
//     agrees, even if the reply got lost; a reply alone counts for nothing.
//   - A limit that cannot be set fails the start; it is never left out in
//     silence. (Control groups are used where they are writable and not missed
//     where they are not.)
//   - A worker's log is kept to a cap without the worker waiting for anyone and
//     without passing through the server's memory.
//   - Nothing is signalled that is not provably ours: children that are not yet
//     reaped, and processes by pidfd, start time, boot and marker.
//
// # How a reason is found
//
// See classify: what the server did to the worker (cancel, timeout, stall),
// what the worker left (outcome, reply), what the kernel says (wait status,
// out-of-memory counters), and what the Go runtime wrote last in the log.
//
// # Limits
//
// Memory: a memory control group where writable; RLIMIT_DATA otherwise and
// besides, with some room above the limit because it counts the address space
// of thread stacks; the Go runtime's own limit at 0.9 of it; and the tree's
// memory is looked at twice a second. Open files: RLIMIT_NOFILE. Processes: a
// pids control group, else by looking. A program that creates a Runner becomes
// the reaper of its orphaned descendants and MUST NOT start children in
// sessions of their own by other means.
//
// # Left out
//
// When to run what, retries, and what to do with a result: supervisor/engine.
//
// # Goroutines
//
// Per attempt one for the RPC and one that watches memory and log, both gone
// when Run returns; per spare, and per process stuck in the kernel, one that
// waits for its end. [Runner.Close] ends what is left. An adopted worker without a
// task has one more, which is gone when Spec.Late has returned.
package process
