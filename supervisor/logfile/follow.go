package logfile

import (
	"context"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"time"
)

// followPeriod is the time between looks at files that are followed.
const followPeriod = 200 * time.Millisecond

// messageEnded is the message of the line that follows a folded log.
const messageEnded = "well ended"

// Follow reads logs as they are written, come, rotate and go. A line that was
// shown from a worker's own log is not shown again when it is folded into the
// execution's. It is for one goroutine.
type Follow struct {
	choose  func() ([]File, error)
	filter  Filter
	open    map[string]*reader
	shown   map[attempt]*lines
	started bool
}

// attempt names a worker, as files and lines do.
type attempt struct{ execution, well, number string }

// lines are those of one attempt that were shown, by their hash: more often from
// the worker's log (positive) or from the execution's (negative).
type lines struct {
	balance map[uint64]int
	ended   bool // the worker's log was folded, and all of it shown
}

// NewFollow prepares to follow the logs that choose names; it is asked at every
// look.
func NewFollow(choose func() ([]File, error), filter Filter) *Follow {
	return &Follow{choose: choose, filter: filter, open: map[string]*reader{}, shown: map[attempt]*lines{}}
}

// Next returns what was written since the last call; the first call returns
// everything that is there.
func (f *Follow) Next() ([]Entry, error) {
	files, err := f.choose()
	if err != nil {
		return nil, err
	}
	var all []Entry
	take := func(r *reader, last bool) error {
		entries, err := r.next(Filter{}, last)
		for _, e := range entries {
			if !f.again(r.log, e) && f.filter.passes(e) {
				all = append(all, e)
			}
		}
		return err
	}
	current := map[string]bool{}
	// What a worker's log says is shown before the execution's repeats it.
	for _, kind := range []Kind{KindServer, KindWorker, KindExecution} {
		for _, file := range files {
			if file.Kind != kind {
				continue
			}
			current[file.Path] = true
			r := f.open[file.Path]
			if r != nil && r.replaced() {
				if err := errors.Join(take(r, true), r.close()); err != nil {
					return all, err
				}
				r = nil
			}
			if r == nil {
				if file.Aside > 0 && f.started {
					continue // shown when it was current
				}
				if r, err = open(file); errors.Is(err, fs.ErrNotExist) {
					continue
				} else if err != nil {
					return all, err
				}
				f.open[file.Path] = r
			}
			if err := take(r, false); err != nil {
				return all, err
			}
		}
	}
	for path, r := range f.open { // those that are gone, or of no interest any more
		if !current[path] {
			delete(f.open, path)
			if err := errors.Join(take(r, true), r.close()); err != nil {
				return all, err
			}
		}
	}
	f.started = true
	byTime(all)
	return all, nil
}

// Run calls emit with what Next returns until ctx ends.
func (f *Follow) Run(ctx context.Context, emit func([]Entry) error) error {
	ticker := time.NewTicker(followPeriod)
	defer ticker.Stop()
	for {
		entries, err := f.Next()
		if err != nil {
			return err
		}
		if err := emit(entries); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Close closes the files.
func (f *Follow) Close() error {
	var errs []error
	for _, r := range f.open {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// replaced tells whether another file has the reader's path, or none.
func (r *reader) replaced() bool {
	mine, err := r.file.Stat()
	if err != nil {
		return true
	}
	now, err := os.Stat(r.log.Path)
	return err != nil || !os.SameFile(mine, now)
}

// again tells whether a line was shown already, from the other of the two logs
// that hold what a worker said.
func (f *Follow) again(log File, e Entry) bool {
	of := attempt{log.Execution, e.Get("well"), e.Get("attempt")}
	if log.Kind == KindServer || of.number == "" {
		return false
	}
	known := f.shown[of]
	if known == nil {
		known = &lines{balance: map[uint64]int{}}
		f.shown[of] = known
	}
	if log.Kind == KindExecution && e.Message == messageEnded {
		known.ended, known.balance = true, map[uint64]int{}
		return false
	}
	if known.ended {
		return log.Kind == KindWorker
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.Message + "\x00" + e.Get("pid")))
	key, step := h.Sum64(), 1
	if log.Kind == KindExecution {
		step = -1
	}
	shown := known.balance[key]*step < 0
	known.balance[key] += step
	return shown
}
