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

// rotate sets the file aside. What fails leaves the log where it is, growing:
// a log that cannot be rotated is better than one that is not written.
func (r *Rotating) rotate() {
	for i := r.keep; i > 1; i-- {
		err := os.Rename(r.aside(i-1), r.aside(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	if os.Rename(r.path, r.aside(1)) != nil {
		return
	}
	old := r.file
	if r.open() != nil {
		r.file = old
		return
	}
	_ = old.Close()
}

func (r *Rotating) aside(i int) string { return r.path + "." + strconv.Itoa(i) }

// Close closes the file.
func (r *Rotating) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Close()
}
