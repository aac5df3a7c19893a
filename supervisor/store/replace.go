package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"time"
)

// Unreplaced returns the newest damaged store that was moved aside from path
// while nothing is in its place yet, or "": a server ended between the two. One
// that was taken over does not count, whatever became of the store after it.
func Unreplaced(path string) string {
	if there(path) {
		return ""
	}
	all, _ := asides(path)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// Replace puts a store at path that holds what is whole in the damaged one that
// was moved aside, and returns how many records that is and what stopped the
// salvage, if anything did. The damaged one is kept, with ".taken" behind its name.
//
// A stop anywhere loses nothing, and repeats nothing: until the new store holds
// everything, the damaged one counts; from the rename of the damaged one on, the
// new one does. [Unreplaced] tells that Replace is to be called again.
func Replace(ctx context.Context, path, aside string, logger *slog.Logger) (records int, stopped, err error) {
	records, stopped, err = replace(ctx, path, aside, logger, move)
	if err != nil {
		err = fmt.Errorf("replace store: %w", err)
	}
	return records, stopped, err
}

func replace(ctx context.Context, path, aside string, logger *slog.Logger, move mover) (records int, stopped, err error) {
	if err := followLogs(path, aside, move); err != nil {
		return 0, nil, err
	}
	fresh := aside + salvaged
	if !there(aside) && there(fresh) { // stopped after the damaged one's rename
		if err := settle(path, aside, move); err != nil {
			return 0, nil, err
		}
		records, stopped = count(ctx, path)
		return records, stopped, nil
	}
	whole, stopped := Salvage(ctx, aside)
	draft := path + ".new"
	if err := remove(draft); err != nil {
		return 0, stopped, err
	}
	made, err := Open(draft, logger)
	if err != nil {
		return 0, stopped, err
	}
	// Closing folds the log into the file: it is one file that is renamed.
	if err := errors.Join(made.Save(ctx, whole), made.Close()); err != nil {
		return 0, stopped, err
	}
	if err := move(draft, fresh); err != nil {
		return 0, stopped, err
	}
	return len(whole), stopped, settle(path, aside, move)
}

// settle marks the damaged store as taken over and puts what was salvaged of it
// in its place. It may be repeated.
func settle(path, aside string, move mover) error {
	if err := moveFiles(aside, aside+taken, move); err != nil {
		return err
	}
	return move(aside+salvaged, path)
}

// followLogs moves the logs that a stop in the middle of moving a store aside
// left behind: beside a new store they would damage it.
func followLogs(path, aside string, move mover) error {
	for _, s := range suffixes()[1:] {
		to := aside + s
		if there(to) { // then they belong to something else
			to = path + asideMark + time.Now().UTC().Format(asideTime) + s
		}
		if err := move(path+s, to); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many records a store holds.
func count(ctx context.Context, path string) (records int, err error) {
	db, err := pool(path, 1, url.Values{})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM records").Scan(&records)
	return records, classify(err)
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
