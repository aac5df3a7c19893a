package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Prune removes logs that were last written before the given time. A server's
// own log rotates and is left alone, and so is what is no log of ours.
func (d Dir) Prune(before time.Time) error {
	err := filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		if f, ours := identify(entry.Name(), filepath.Dir(path) != filepath.Clean(string(d))); !ours || f.Kind == KindServer {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // folded meanwhile
		}
		if err != nil || !info.ModTime().Before(before) {
			return err
		}
		return os.Remove(path)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("prune logs: %w", err)
	}
	return nil
}
