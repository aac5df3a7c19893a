package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Prune forgets executions that ended more than keep ago, with their wells,
// and then the longest-ended ones until the file holds at most
// maxBytes; 0 means no limit, for each. Executions that have not ended stay. It
// returns the forgotten ids, oldest first.
func (s *Store) Prune(ctx context.Context, keep time.Duration, maxBytes int64) ([]string, error) {
	var forgotten []string
	before := s.now().Add(-keep).UnixMicro()
	err := s.do(ctx, job{task: func(ctx context.Context, conn *sql.Conn) (err error) {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		forgotten, err = prune(ctx, tx, keep > 0, before, maxBytes)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil || len(forgotten) == 0 {
			return err
		}
		// Give the room back; the records are gone already if this fails.
		_, err = conn.ExecContext(ctx, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
		return err
	}})
	if err != nil {
		return nil, fmt.Errorf("prune store %s: %w", s.path, err)
	}
	return forgotten, nil
}

func prune(ctx context.Context, tx *sql.Tx, byAge bool, before, maxBytes int64) ([]string, error) {
	ended, err := endedExecutions(ctx, tx)
	if err != nil {
		return nil, err
	}
	var forgotten []string
	for _, x := range ended {
		if !byAge || x.updated >= before {
			if maxBytes <= 0 {
				break
			}
			used, err := usedBytes(ctx, tx)
			if err != nil {
				return nil, err
			}
			if used <= maxBytes {
				break
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM records WHERE execution = ?", x.id); err != nil {
			return nil, err
		}
		forgotten = append(forgotten, x.id)
	}
	return forgotten, nil
}

type ended struct {
	id      string
	updated int64
}

func endedExecutions(ctx context.Context, tx *sql.Tx) ([]ended, error) {
	rows, err := tx.QueryContext(ctx, "SELECT execution, updated FROM records WHERE kind = 'execution' AND final = 1 ORDER BY updated, execution")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []ended
	for rows.Next() {
		var x ended
		if err := rows.Scan(&x.id, &x.updated); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

// usedBytes is the size the file would have without its free pages.
func usedBytes(ctx context.Context, tx *sql.Tx) (int64, error) {
	var used int64
	err := tx.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used)
	return used, err
}
