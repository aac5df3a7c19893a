package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const asideMark = ".damaged-"

// moveAside renames the files of a store and returns the new name of the first.
func moveAside(path string, now time.Time) (string, error) {
	aside := path + asideMark + now.UTC().Format("20060102T150405.000000Z")
	for _, s := range suffixes() {
		// SQLite finds a log by its file's name, so they keep belonging together.
		if err := os.Rename(path+s, aside+s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return aside, fmt.Errorf("move damaged store aside: %w", err)
		}
	}
	return aside, syncDirectory(filepath.Dir(path))
}

// Salvage reads the records that are still whole in a damaged store that was
// moved aside, and returns with them what stopped it, if anything did. A record
// it returns is as it was saved; what is missing cannot be known.
func Salvage(ctx context.Context, aside string) ([]Record, error) {
	db, err := pool(aside, 1, url.Values{"mode": {"ro"}})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var whole []Record
	var broken []error
	// From both ends: a broken page ends a scan.
	seen := map[string]bool{}
	for _, order := range []string{"ASC", "DESC"} {
		err := scanEach(ctx, db, func(r Record, sum uint32) error {
			key := fmt.Sprint(r.Kind, "\x00", r.Execution, "\x00", r.Well)
			if r.checksum() == sum && !seen[key] {
				seen[key] = true
				whole = append(whole, r)
			}
			return nil
		}, "SELECT "+columns+" FROM records ORDER BY rowid "+order)
		if err != nil {
			broken = append(broken, classify(err))
		}
	}
	if len(broken) > 0 {
		return whole, fmt.Errorf("salvage %s: %w", aside, broken[0])
	}
	return whole, nil
}
