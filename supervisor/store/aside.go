package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The names of a damaged store: PATH.damaged-TIME, and with taken behind it once
// another store holds what is whole in it. That other one is at first its name
// with salvaged behind it.
const (
	asideMark = ".damaged-"
	asideTime = "20060102T150405.000000Z"
	taken     = ".taken"
	salvaged  = ".salvaged"
)

// mover renames a file, durably; one that is not there is no error. Tests stop at
// each.
type mover func(from, to string) error

func move(from, to string) error {
	switch err := os.Rename(from, to); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return syncDirectory(filepath.Dir(to))
}

// moveFiles renames the files of a store, the database first. SQLite finds a log
// by its file's name, so they keep belonging together.
func moveFiles(from, to string, move mover) error {
	for _, s := range suffixes() {
		if err := move(from+s, to+s); err != nil {
			return err
		}
	}
	return nil
}

// moveAside renames the files of a store and returns the new name of the first.
func moveAside(path string, now time.Time, move mover) (string, error) {
	aside := path + asideMark + now.UTC().Format(asideTime)
	if err := moveFiles(path, aside, move); err != nil {
		return aside, fmt.Errorf("move damaged store aside: %w", err)
	}
	return aside, nil
}

// asides returns the damaged stores that were moved aside from path and are not
// taken over, oldest first.
func asides(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		stamp, isAside := strings.CutPrefix(strings.TrimSuffix(entry.Name(), salvaged), filepath.Base(path)+asideMark)
		if _, err := time.Parse(asideTime, stamp); isAside && err == nil { // neither its logs nor one that is taken over
			found = append(found, path+asideMark+stamp)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// retire marks every damaged store of path as taken over: there is a store in
// its place.
func retire(path string) error {
	all, err := asides(path)
	for _, aside := range all {
		err = errors.Join(err, remove(aside+salvaged), moveFiles(aside, aside+taken, move))
	}
	return err
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
