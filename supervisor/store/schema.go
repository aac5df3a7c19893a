package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

const (
	// application marks the file as ours (PRAGMA application_id): "Well".
	application = 0x57656c6c
	// version is the form of the tables (PRAGMA user_version).
	version = 1
)

// Both kinds share their columns, so that one statement serves them;
// updated is in microseconds since 1970, UTC.
const schema = `
CREATE TABLE records (
	kind      TEXT    NOT NULL,
	execution TEXT    NOT NULL,
	well      TEXT    NOT NULL,
	attempt   INTEGER NOT NULL, -- always 0: a well's document has its attempts
	status    TEXT    NOT NULL,
	final     INTEGER NOT NULL, -- 1 for an execution that has ended
	updated   INTEGER NOT NULL,
	checksum  INTEGER NOT NULL,
	document  BLOB    NOT NULL,
	PRIMARY KEY (execution, kind, well, attempt)
) STRICT;
CREATE INDEX executions ON records (final, updated) WHERE kind = 'execution';
`

const upsert = `
INSERT INTO records (kind, execution, well, attempt, status, final, updated, checksum, document)
VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET status = excluded.status, final = excluded.final, updated = excluded.updated,
	checksum = excluded.checksum, document = excluded.document`

const columns = `kind, execution, well, status, updated, checksum, document`

// pool opens path with the pragmas given, as the driver's parameters.
func pool(path string, connections int, parameters url.Values) (*sql.DB, error) {
	parameters.Set("_busy_timeout", "5000")
	name := url.URL{Scheme: "file", Path: path, RawQuery: parameters.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// create makes an empty store. It is made under another name and renamed, so
// that a file under its own name is always whole: an empty one is a damaged one.
func create(path string) (err error) {
	draft := path + ".new"
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("create store %s: %w", path, classify(err)), remove(draft))
		}
	}()
	if err := remove(draft); err != nil {
		return err
	}
	// SQLite gives its log the mode of the file, so this makes both private.
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := pool(draft, 1, url.Values{"_auto_vacuum": {"INCREMENTAL"}, "_synchronous": {"FULL"}})
	if err != nil {
		return err
	}
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; PRAGMA journal_mode = WAL;", application, version)
	if _, err = db.ExecContext(context.Background(), schema+pragmas); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil { // moves the log into the file and syncs it
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// suffixes are the files of one store.
func suffixes() []string { return []string{"", "-wal", "-shm"} }

func remove(path string) error {
	for _, s := range suffixes() {
		if err := os.Remove(path + s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
