package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Filter chooses records; its zero value chooses all.
type Filter struct {
	Executions []string // these executions, with their wells; nil means all
	Final      *bool    // only those of executions that have ended, or have not
	Kind       string   // only records of this kind; "" means all
}

// Load returns the records chosen, ordered by execution, then the execution
// itself, its wells. What one Save wrote is there as a whole or
// not at all.
func (s *Store) Load(ctx context.Context, f Filter) ([]Record, error) {
	query := "SELECT " + columns + " FROM records"
	var conditions []string
	var args []any
	if f.Executions != nil {
		ids, err := json.Marshal(f.Executions) // one parameter, however many ids
		if err != nil {
			return nil, fmt.Errorf("load records: %w", err)
		}
		conditions = append(conditions, "execution IN (SELECT value FROM json_each(?))")
		args = append(args, string(ids))
	}
	if f.Final != nil {
		conditions = append(conditions, "execution IN (SELECT execution FROM records WHERE kind = 'execution' AND final = ?)")
		args = append(args, *f.Final)
	}
	if f.Kind != "" {
		conditions = append(conditions, "kind = ?")
		args = append(args, f.Kind)
	}
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	query += " ORDER BY execution, kind, well"

	var records []Record
	err := scan(ctx, s.reader, func(r Record) error {
		records = append(records, r)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("load records from %s: %w", s.path, err)
	}
	return records, nil
}

// scan gives each row of query to take, and refuses rows that are not as they were saved.
func scan(ctx context.Context, db *sql.DB, take func(Record) error, query string, args ...any) error {
	err := scanEach(ctx, db, func(r Record, sum uint32) error {
		if r.checksum() != sum {
			return &damage{fmt.Sprintf("the record of %s %q %q is not what was saved", r.Kind, r.Execution, r.Well)}
		}
		return take(r)
	}, query, args...)
	return classify(err)
}

func scanEach(ctx context.Context, db *sql.DB, take func(Record, uint32) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r Record
		var updated int64
		var sum uint32
		if err := rows.Scan(&r.Kind, &r.Execution, &r.Well, &r.Status, &updated, &sum, &r.Document); err != nil {
			return err
		}
		r.Updated = time.UnixMicro(updated).UTC()
		if err := take(r, sum); err != nil {
			return err
		}
	}
	return rows.Err()
}
