package store

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrDamaged marks a file that is not what was written; see [DamagedError].
	ErrDamaged = errors.New("damaged store")
	// ErrFull marks a Save for which there was no room. Nothing of it was kept.
	ErrFull = errors.New("no room on disk")
	// ErrUnwritable marks a Save that was refused for another reason than room: by
	// the file system (read-only, an exceeded quota, a broken device), because
	// another program has the file locked, or because the file is not where it was
	// opened any more. Nothing of it was kept.
	ErrUnwritable = errors.New("store cannot be written")
	// ErrNetworkFileSystem marks a place where a store is not safe.
	ErrNetworkFileSystem = errors.New("store on a network file system")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("store is closed")
)

// DamagedError says what is wrong with a file and where it is now. It is [ErrDamaged].
type DamagedError struct {
	Path    string // where the store was
	Aside   string // where the file was moved
	Problem string // the first thing found wrong
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("store %s is damaged (%s); it was moved to %s and nothing of it was used", e.Path, e.Problem, e.Aside)
}

// Is makes a DamagedError an ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// damage is a problem found while looking at a file, before it is moved aside.
type damage struct{ problem string }

func (d *damage) Error() string { return d.problem }

func (d *damage) Is(target error) bool { return target == ErrDamaged }

// classify gives SQLite's result codes the names callers act on.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	// The low byte is the kind, the rest says which operation of that kind.
	switch code := e.Code(); {
	case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case code&0xff == sqlite3.SQLITE_IOERR, code&0xff == sqlite3.SQLITE_READONLY, code&0xff == sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", ErrUnwritable, err)
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: another program has it locked: %w", ErrUnwritable, err)
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
		return &damage{err.Error()}
	}
	return err
}
