package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	path    string
	file    os.FileInfo // what was opened there
	logger  *slog.Logger
	now     func() time.Time
	reader  *sql.DB
	writer  *sql.DB
	work    chan job // to the writer
	close   sync.Once
	closing chan struct{} // closed by Close: no new work
	done    chan struct{} // closed by the writer: all work is answered
}

// Open opens the store at path, making an empty one if there is none. The
// folder must exist.
//
// The whole file is checked. When it is damaged it is moved aside and the error
// is a [*DamagedError]; calling Open again then starts an empty store. A place on
// a network file system is refused with [ErrNetworkFileSystem]: SQLite's log is
// not safe there.
func Open(path string, logger *slog.Logger) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		// Also where somebody else put a store in its place, as from a copy.
		if err := retire(path); err != nil {
			logger.Warn("an earlier damaged store cannot be marked as taken over", "error", err)
		}
	}
	if earlier, _ := filepath.Glob(path + asideMark + "*"); len(earlier) > 0 {
		logger.Warn("an earlier store was damaged and is kept; remove it when it is no longer needed", "files", earlier)
	}
	s, err := open(path, logger)
	var d *damage
	if errors.As(err, &d) {
		aside, moved := moveAside(path, time.Now(), move)
		return nil, errors.Join(&DamagedError{Path: path, Aside: aside, Problem: d.problem}, moved)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, logger *slog.Logger) (_ *Store, err error) {
	if err := present(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	// Before SQLite opens it: it would drop the torn end without a word.
	torn, err := tornBytes(path + "-wal")
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}

	s := &Store{
		path: path, logger: logger, now: time.Now,
		work: make(chan job, 256), closing: make(chan struct{}), done: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closePools())
		}
	}()
	if s.writer, err = pool(path, 1, url.Values{"_synchronous": {"FULL"}, "_pragma": {"journal_size_limit(16777216)"}}); err != nil {
		return nil, err
	}
	if s.reader, err = pool(path, 2, url.Values{"_query_only": {"1"}}); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if err := s.inspect(ctx); err != nil {
		return nil, err
	}
	if torn > 0 {
		logger.Warn("the last write to the store was cut short and is undone; what it held is derived anew from outcome files", "file", path, "bytes", torn)
	}
	if s.file, err = os.Stat(path); err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, s.writer)
	if err != nil {
		return nil, classify(err)
	}
	go s.write(w)
	return s, nil
}

// present returns [fs.ErrNotExist] when there is no store, and damage when
// there are remains of one.
func present(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() == 0:
		return &damage{"the file is empty"}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return &damage{"its log is here but the file is gone"}
	}
	return fs.ErrNotExist
}

// inspect reads the whole file once.
func (s *Store) inspect(ctx context.Context) error {
	var app, form int
	if err := s.writer.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&app, &form); err != nil {
		return classify(err)
	}
	if app != application {
		return fmt.Errorf("it is another program's database; choose another data directory")
	}
	if form > version {
		return fmt.Errorf("it was written by a newer Wellhouse (form %d, this one knows %d); use that or choose another data directory", form, version)
	}
	var verdict string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return classify(err)
	}
	if verdict != "ok" {
		return &damage{verdict}
	}
	return scan(ctx, s.writer, func(Record) error { return nil }, "SELECT "+columns+" FROM records")
}

// Close answers the Saves under way and closes the file.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.closing) })
	<-s.done
	if err := s.closePools(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) closePools() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} { // the last one to close moves the log into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
