package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
)

// A commit takes at most this many records beside its first Save, so that the
// first caller of a long queue is answered soon.
const commitLimit = 2048

// job is one thing for the writer to do: records to save, or a task of its own.
type job struct {
	records []Record
	task    func(context.Context, *sql.Conn) error // outside any commit
	done    chan<- error                           // buffered: the writer never waits
}

// Save keeps the records, all or none, and returns when they are on disk. Saves
// that arrive while one is being written share the next flush.
//
// Errors: [ErrFull] and [ErrUnwritable] when the file cannot be written now (nothing
// of this Save was kept; the store can be used again), [ErrClosed]. When ctx ends
// first, the records may have been kept or not.
func (s *Store) Save(ctx context.Context, records []Record) error {
	for _, r := range records {
		if err := r.check(); err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	if err := s.do(ctx, job{records: records}); err != nil {
		return fmt.Errorf("save records to %s: %w", s.path, err)
	}
	return nil
}

// do hands j to the writer and waits for its answer.
func (s *Store) do(ctx context.Context, j job) error {
	done := make(chan error, 1)
	j.done = done
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case s.work <- j:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		// The writer may have answered as its last deed.
		select {
		case err := <-done:
			return err
		default:
			return ErrClosed
		}
	}
}

// writer is the one connection that writes.
type writer struct {
	conn   *sql.Conn
	upsert *sql.Stmt
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	stmt, err := conn.PrepareContext(ctx, upsert)
	if err != nil {
		conn.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return &writer{conn, stmt}, nil
}

// write is the writer's goroutine: it takes what has gathered, commits it, and
// answers, until the store closes.
func (s *Store) write(w *writer) {
	defer close(s.done)
	defer w.conn.Close()
	defer w.upsert.Close()
	// Callers' contexts end their waiting, not the writing: others share the commit.
	ctx := context.Background()
	for {
		select {
		case j := <-s.work:
			s.turn(ctx, w, j)
		case <-s.closing:
			for {
				select {
				case j := <-s.work:
					s.turn(ctx, w, j)
				default:
					return
				}
			}
		}
	}
}

// turn does first, together with the Saves that wait behind it.
func (s *Store) turn(ctx context.Context, w *writer, first job) {
	if first.task != nil {
		first.done <- classify(first.task(ctx, w.conn))
		return
	}
	group := []job{first}
	var next *job
	for count := len(first.records); count < commitLimit && next == nil; {
		select {
		case j := <-s.work:
			if j.task != nil {
				next = &j
				break
			}
			group = append(group, j)
			count += len(j.records)
		default:
			count = commitLimit
		}
	}
	err := s.inPlace()
	if err == nil {
		err = classify(w.commit(ctx, group))
	}
	for _, j := range group {
		j.done <- err
	}
	if next != nil {
		s.turn(ctx, w, *next)
	}
}

// inPlace returns [ErrUnwritable] when the store's file is not at its path any more.
// SQLite would go on writing to what is open, and all of it would be lost with
// the process.
func (s *Store) inPlace() error {
	now, err := os.Stat(s.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: it cannot be found (put it back, or end this server and start it again): %w", ErrUnwritable, err)
	case !os.SameFile(now, s.file):
		return fmt.Errorf("%w: another file was put in its place (put it back, or end this server and start it again)", ErrUnwritable)
	}
	return nil
}

// commit writes the records of every job in one transaction.
func (w *writer) commit(ctx context.Context, group []job) (err error) {
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite has rolled back already after some errors; then this one says so.
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	for _, j := range group {
		for _, r := range j.records {
			if _, err := w.upsert.ExecContext(ctx, r.Kind, r.Execution, r.Well, r.Status, r.final(),
				r.Updated.UnixMicro(), r.checksum(), r.Document); err != nil {
				return err
			}
		}
	}
	_, err = w.conn.ExecContext(ctx, "COMMIT")
	return err
}
