// Package logfile keeps the log files of a server and its executions: a
// handful of files that a person finds by name, however many wells ran.
//
// A server logs to server-PORT.log, which rotates by size. An execution logs
// to PLATE-ID.log. A worker writes a file of its own while it lives; when its
// attempt has ended, [Execution.Append] copies it into the execution's log, with
// well and attempt on every line. The worker's file stays as evidence until the
// end of the attempt is on record; the server removes it then. Files are
// bounded, and [Prune] removes old ones.
//
// Lines are log/slog text. [Dir.Files] finds them by the names of files alone,
// so that no server is needed; [Read] merges them by time and filters them, and
// [Follow] goes on reading as they are written.
package logfile
