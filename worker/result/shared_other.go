//go:build !linux

package result

import "time"

// NoteShared does nothing here: shared memory cannot be told by its maker.
func NoteShared(string, time.Time, ...int) error { return nil }

func removeShared(string) error { return nil }
