package result

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const (
	hiddenDir  = ".wellhouse"
	markerFile = "folder.json"
	markerKind = "wellhouse.folder"
)

// marker says that a folder is ours and whose results it holds.
type marker struct {
	Plate string `json:"plate,omitempty"`
	Root  string `json:"root,omitempty"` // the plate's folder
	Out   string `json:"out,omitempty"`  // where this folder was then
}

// Folder is a results folder, locked by one execution.
type Folder struct {
	out       string
	execution string
	options   options
	fs        fileSystem
	lock      *Lock

	// mutex keeps commits (readers, one per well by the well's lock) and merges
	// of this process apart; other processes are kept out by the lock.
	mutex sync.RWMutex
}

// Option tells Open or Check more about what is about to be written.
type Option func(*options)

type options struct {
	plate, root   string
	configuration string
	space         int64
	existing      bool
	fs            fileSystem
	density       float64 // of the PNG; tests that look at something else draw small
}

// WithPlate refuses a folder that holds the results of another plate.
func WithPlate(name string) Option { return func(o *options) { o.plate = name } }

// WithRoot gives the plate's folder, and refuses a results folder that holds
// another plate of the same name. A plate whose folder is not where it was has
// been moved and is still the same.
func WithRoot(dir string) Option { return func(o *options) { o.root = dir } }

// WithExisting refuses to make the folder when it is not there ([ErrAbsent]): its
// file system may not be mounted.
func WithExisting() Option { return func(o *options) { o.existing = true } }

// ErrAbsent is wrapped when a results folder should be there and is not.
var ErrAbsent = errors.New("is not there any more")

// WithConfiguration gives the digest of pipeline and configuration. Merged
// tables hold wells of this configuration only; "" takes them all.
func WithConfiguration(digest string) Option { return func(o *options) { o.configuration = digest } }

// WithStep calls before ahead of every change to the disk, with the operation
// ("create", "write" in the middle of one, "rename", "flush", "remove" …) and the
// path; an error stops there. It is for tests of what a crash leaves behind.
func WithStep(before func(operation, path string) error) Option {
	return func(o *options) { o.fs.before = before }
}

// fileSystemOf is what the options say of the file system.
func fileSystemOf(opts []Option) fileSystem {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o.fs
}

// WithSpace asks for this many free bytes on the folder's file system beside
// a reserve of 8 MiB, which is always asked for.
func WithSpace(bytes int64) Option { return func(o *options) { o.space = bytes } }

// Open locks the results folder out for an execution, creating it when it does
// not exist, and finishes or undoes what a stop left half-done. What it
// created is removed again when it fails.
//
// A folder that is not empty and not ours, holds another plate, is locked
// ([ErrLocked]), cannot be written or has too little room ([NoSpace]) is
// refused in one sentence that says what to do.
func Open(out, execution string, opts ...Option) (*Folder, error) {
	f, err := open(out, execution, opts)
	if err != nil {
		return nil, fmt.Errorf("open results folder: %w", err)
	}
	return f, nil
}

func open(out, execution string, opts []Option) (_ *Folder, err error) {
	if !safeName(execution) {
		return nil, fmt.Errorf("execution id %q: want letters, digits, '-', '_' and '.'", execution)
	}
	out, err = filepath.Abs(out)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", out, err)
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.existing {
		if absent, err := missing(filepath.Join(out, hiddenDir)); err != nil {
			return nil, err
		} else if len(absent) > 0 {
			return nil, fmt.Errorf("%s %w: mount its share, or put it back", out, ErrAbsent)
		}
	}
	if err := check(out, o); err != nil {
		return nil, err
	}
	f := &Folder{out: out, execution: execution, options: o, fs: o.fs}
	created, err := missing(f.hidden())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && !f.fs.stopped(err) {
			err = errors.Join(err, f.undo(created))
		} else if err != nil && f.lock != nil {
			err = errors.Join(err, f.lock.Release())
		}
	}()
	if err := f.fs.makeDir(f.hidden()); err != nil {
		return nil, err
	}
	for _, dir := range created { // else what is flushed in them is not to be found after a power cut
		if err := f.fs.syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) { // it may be for writing only
			return nil, err
		}
	}
	holder := fmt.Sprintf("execution %s, process %d", execution, os.Getpid())
	if f.lock, err = TryLock(f.hidden("lock"), holder); err != nil {
		if errors.Is(err, ErrLocked) {
			created = nil // it is somebody else's by now
			err = fmt.Errorf("%w: wait for it to end, or choose another folder with --out", err)
		}
		return nil, err
	}
	for _, part := range []string{"locks", "attempts", "wells", "jobs"} {
		if err := f.fs.makeDir(f.hidden(part)); err != nil {
			return nil, err
		}
	}
	if err := f.mark(); err != nil {
		return nil, err
	}
	return f, f.recover()
}

// mark writes the marker, or checks and completes the one that is there.
func (f *Folder) mark() error {
	var m marker
	err := readRecord(f.hidden(markerFile), markerKind, &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := samePlate(f.out, m, f.options); err != nil {
			return err
		}
	}
	known := m
	m.Plate = cmp.Or(m.Plate, f.options.plate)
	if f.options.root != "" {
		m.Root, m.Out = f.options.root, f.out
	}
	if m == known && err == nil {
		return nil
	}
	return writeRecord(f.fs, f.hidden(markerFile), markerKind, m)
}

func samePlate(out string, m marker, o options) error {
	switch {
	case m.Plate != "" && o.plate != "" && m.Plate != o.plate:
		return fmt.Errorf("%s holds the results of plate %q, not of %q: choose another folder with --out", out, m.Plate, o.plate)
	case differ(m.Root, o.root) && !movedTogether(m, out, o.root):
		return fmt.Errorf("%s holds the results of another plate that is named %q too, in %s: choose another folder with --out", out, m.Plate, m.Root)
	}
	return nil
}

// movedTogether tells a plate and its results that were copied as one.
func movedTogether(m marker, out, root string) bool {
	was, errWas := filepath.Rel(m.Out, m.Root)
	is, errIs := filepath.Rel(out, root)
	return errWas == nil && errIs == nil && was == is
}

// differ tells whether both folders are there and are not the same.
func differ(was, is string) bool {
	if was == "" || is == "" || was == is {
		return false
	}
	a, errA := os.Stat(was)
	b, errB := os.Stat(is)
	return errA == nil && errB == nil && !os.SameFile(a, b)
}

// missing lists the folders on the way to a path that do not exist yet, the
// innermost first.
func missing(path string) ([]string, error) {
	var list []string
	for dir := path; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(dir)
		if err == nil {
			return list, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for results folder: %w", err)
		}
		list = append(list, dir)
		if dir == filepath.Dir(dir) {
			return list, nil
		}
	}
}

// undo removes what open created, the hidden folder first, and releases the
// lock. Of the folders around it only empty ones go: the others are shared,
// with the folder of another execution for one.
func (f *Folder) undo(created []string) error {
	var errs []error
	if f.lock != nil {
		if len(created) > 0 {
			errs = append(errs, os.RemoveAll(f.hidden())) // while nobody else can be in it
		}
		errs = append(errs, f.lock.Release())
	}
	for _, dir := range created {
		err := os.Remove(dir)
		switch {
		case errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST):
			return errors.Join(errs...)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *Folder) hidden(parts ...string) string {
	return filepath.Join(append([]string{f.out, hiddenDir}, parts...)...)
}

// Path returns the folder's absolute path.
func (f *Folder) Path() string { return f.out }

// Absent tells that the folder is not there: it was removed, or its file system
// is not mounted any more.
func (f *Folder) Absent() bool {
	_, err := os.Lstat(f.hidden("lock")) // a worker may have made folders again meanwhile
	return errors.Is(err, fs.ErrNotExist)
}

// Close gives the folder up. Workers that still run keep their wells' locks.
func (f *Folder) Close() error { return f.lock.Release() }

// AttemptDir is where an attempt works; Prepare creates it. Attempts count
// from 1 within an execution.
func (f *Folder) AttemptDir(well string, attempt int) string {
	return AttemptDir(f.out, f.execution, well, attempt)
}

// LockPath is the file a worker holds locked (see [TryLock]) for as long as
// it works on the well.
func (f *Folder) LockPath(well string) string { return f.hidden("locks", well+".lock") }

// Prepare creates an empty directory for an attempt and returns its path.
// Leftovers of an attempt of the same number are removed, unless a worker
// still holds the well: then the error is [ErrLocked].
func (f *Folder) Prepare(well string, attempt int) (string, error) {
	dir := f.AttemptDir(well, attempt)
	err := f.whileFree(well, func() error {
		if err := f.fs.removeAll(dir); err != nil {
			return err
		}
		return f.fs.makeDir(dir)
	})
	if err != nil {
		return "", fmt.Errorf("prepare attempt %d of %s: %w", attempt, well, err)
	}
	return dir, nil
}

// Discard removes an attempt's directory and its temporary one. Discarding what is not there is
// fine; a directory whose worker lives gives [ErrLocked].
func (f *Folder) Discard(well string, attempt int) error {
	dir := f.AttemptDir(well, attempt)
	err := f.whileFree(well, func() error {
		return errors.Join(f.fs.removeAll(dir), removeShared(TemporaryDir(dir)), f.fs.removeAll(TemporaryDir(dir)))
	})
	if err != nil {
		return fmt.Errorf("discard attempt %d of %s: %w", attempt, well, err)
	}
	return nil
}

// whileFree does something to a well that no worker holds, and keeps workers
// out meanwhile.
func (f *Folder) whileFree(well string, do func() error) error {
	if !safeName(well) {
		return fmt.Errorf("well %q cannot name a file", well)
	}
	lock, err := TryLock(f.LockPath(well), fmt.Sprintf("execution %s, process %d", f.execution, os.Getpid()))
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, lock.Release())
	}
	return lock.Release()
}

// safeName reports whether a well or execution can name a file: nothing that
// leaves the folder, hides, or needs quoting.
func safeName(s string) bool {
	if s == "" || len(s) > 128 || s[0] == '.' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}
