// Package cli is the supervisor command: thin commands that parse flags, call
// the room that does the work and show what it answers.
//
// Results go to standard output, everything else to standard error. Every
// command has --json. Exit codes are the constants of this package. Nothing
// here is global: streams and environment come in through Main.
package cli
