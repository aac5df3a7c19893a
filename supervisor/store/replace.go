package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
)

// Unreplaced returns the newest damaged store that was moved aside from path
// while nothing is in its place yet, or "": a server ended between the two.
func Unreplaced(path string) string {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	aside, _ := filepath.Glob(path + asideMark + "*Z") // not the logs beside them
	if len(aside) == 0 {
		return ""
	}
	return slices.Max(aside)
}

// Replace puts a store at path that holds what is whole in the damaged one that
// was moved aside, and returns how many records that is and what stopped the
// salvage, if anything did. The new store takes its name only when everything is
// in it, so that a stop in between loses nothing: [Unreplaced] then tells.
func Replace(ctx context.Context, path, aside string, logger *slog.Logger) (records int, stopped, err error) {
	whole, stopped := Salvage(ctx, aside)
	fresh := path + ".new"
	for _, s := range suffixes() {
		if err := os.Remove(fresh + s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, stopped, fmt.Errorf("replace store: %w", err)
		}
	}
	made, err := Open(fresh, logger)
	if err != nil {
		return 0, stopped, fmt.Errorf("replace store: %w", err)
	}
	// Closing folds the log into the file: it is one file that is renamed.
	if err := errors.Join(made.Save(ctx, whole), made.Close()); err != nil {
		return 0, stopped, fmt.Errorf("replace store: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return 0, stopped, fmt.Errorf("replace store: %w", err)
	}
	return len(whole), stopped, syncDirectory(filepath.Dir(path))
}
