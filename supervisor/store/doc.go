// Package store keeps executions and their wells across the life of a
// server, in one SQLite file.
//
// It promises:
//
//   - when [Store.Save] returns nil, its records survive the death of the
//     process and of the machine: the log is flushed to disk at every commit;
//   - the records of one Save are kept all or none, and a reader sees them all
//     or none;
//   - after a crash the file holds a whole prefix of its commits; a write that
//     was cut short is told to the logger;
//   - a damaged file is never used and never replaced in silence: [Open] moves
//     it aside and returns [ErrDamaged]; [Replace] takes over what is still whole,
//     once: a damaged file that was replaced never counts again;
//   - when the disk is full, Save returns [ErrFull] and keeps nothing of it; the
//     store goes on when there is room again.
//
// Documents are JSON and opaque here; the columns beside them (status, time of
// change) are what is searched by. Commits cost a flush each, so Saves that
// arrive while one is being written are written together as the next.
//
// It leaves out locking against a second server (whoever serves a data
// directory holds its lock) and waiting for room (the engine decides).
//
// Goroutines: one writer per open store, ended by [Store.Close].
package store
