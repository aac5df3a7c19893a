package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// Rotating is a log file that is set aside when it has grown to a limit; the
// newest few are kept as NAME.1, NAME.2, … It is safe for concurrent use.
type Rotating struct {
	path  string
	limit int64 // bytes
	keep  int   // files set aside

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenRotating opens the log at path for appending.
func OpenRotating(path string, limit int64, keep int) (*Rotating, error) {
	r := &Rotating{path: path, limit: limit, keep: keep}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Rotating) open() error {
	if info, err := os.Stat(r.path); err == nil && !readable(info.Mode()) {
		return fmt.Errorf("open log: %s is no file (%s): remove it", r.path, info.Mode())
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), f.Close())
	}
	r.file, r.size = f, info.Size()
	return nil
}

// Write appends p whole to one file.
func (r *Rotating) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size > 0 && r.size+int64(len(p)) > r.limit {
		r.rotate()
	}
	n, err := r.file.Write(p)
	r.size += int64(n)
	return n, err
}

// rotate sets the file aside. What fails leaves the log where it is, growing,
// and no older one is lost by it, however often it is tried: a log that cannot
// be rotated is better than one that is not written.
func (r *Rotating) rotate() {
	// First what fails most: no descriptors, no room.
	fresh := r.path + ".new"
	next, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	if err := r.replaceBy(fresh); err != nil {
		_ = next.Close()
		_ = os.Remove(fresh)
		return
	}
	_ = r.file.Close()
	r.file, r.size = next, 0
}

// replaceBy sets the log aside and gives its name to the file fresh.
func (r *Rotating) replaceBy(fresh string) error {
	gap := 1 // when the first name is free, no other has to move
	for ; gap < r.keep; gap++ {
		if _, err := os.Lstat(r.aside(gap)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for i := gap; i > 1; i-- {
		if err := os.Rename(r.aside(i-1), r.aside(i)); err != nil {
			return err
		}
	}
	// Somebody may have removed the log.
	if err := os.Rename(r.path, r.aside(1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, r.path); err != nil {
		return errors.Join(err, os.Rename(r.aside(1), r.path))
	}
	return nil
}

func (r *Rotating) aside(i int) string { return r.path + "." + strconv.Itoa(i) }

// Close closes the file.
func (r *Rotating) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Close()
}
