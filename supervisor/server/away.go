package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// marked is an error that also is another one, without saying so.
type marked struct {
	error
	is error
}

func (m marked) Is(target error) bool { return target == m.is }
func (m marked) Unwrap() error        { return m.error }

// plateAway marks the error of a plate whose folder cannot be reached, is not
// there or is empty, as when its share is not mounted yet.
func plateAway(root string, err error) error {
	if result.Away(err) || errors.Is(err, syscall.EIO) || absent(root) {
		return marked{err, engine.ErrPlateAway}
	}
	return err
}

func absent(root string) bool {
	dir, err := os.Open(root)
	if err == nil {
		defer dir.Close()
		_, err = dir.ReadDir(1)
	}
	return errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO) || result.Away(err)
}

// busyPatience is how long work on a disk is nothing to speak of, and how long an
// attempt that has no process keeps its slot for it.
const busyPatience = 10 * time.Second

// busy is the work on disks that is under way for an execution: on a share that
// hangs it does not end, and somebody wants to know. The zero value is ready.
type busy struct {
	mu      sync.Mutex
	next    int
	all     map[int]work
	waiting []chan struct{} // closed when nothing is under way
}

type work struct {
	what  string
	since time.Time
}

// with notes that something is under way, until the function it returns is called.
func (b *busy) with(what string, now time.Time) (done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[int]work{}
	}
	b.next++
	number := b.next
	b.all[number] = work{what, now}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.all, number)
		if len(b.all) > 0 {
			return
		}
		for _, w := range b.waiting {
			close(w)
		}
		b.waiting = nil
	}
}

// settled is closed once nothing is under way.
func (b *busy) settled() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	settled := make(chan struct{})
	if len(b.all) == 0 {
		close(settled)
	} else {
		b.waiting = append(b.waiting, settled)
	}
	return settled
}

func (b *busy) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all) == 0
}

// says tells what has been under way for too long, "" when nothing has.
func (b *busy) says(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return ""
	}
	oldest := b.all[slices.Min(slices.Collect(maps.Keys(b.all)))]
	took := now.Sub(oldest.since)
	if took < busyPatience {
		return ""
	}
	return fmt.Sprintf("%s for %s now: a share may hang", oldest.what, roughly(took))
}

// hangs tells whether something at work on a disk does not end.
func (b *busy) hangs(now time.Time) bool { return b.says(now) != "" }

// roughly is a time that does not look new each second: who follows a run is told
// each new text.
func roughly(d time.Duration) time.Duration {
	switch {
	case d < time.Minute:
		return d.Truncate(10 * time.Second)
	case d < 10*time.Minute:
		return d.Truncate(time.Minute)
	default:
		return d.Truncate(10 * time.Minute)
	}
}

// waits says what an execution waits for on a disk, "" when it does not.
func (j *jobs) waits(id string, now time.Time) string {
	j.mu.Lock()
	known := j.all[id]
	j.mu.Unlock()
	if known == nil {
		return ""
	}
	return known.busy.says(now)
}
