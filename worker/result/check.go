package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// reserve is free space that is always asked for: merged tables, the heatmap
// and the records of a plate without images.
const reserve = 8 << 20

// Check says whether Open would succeed, as far as that shows without
// changing anything: nothing is created, written or locked.
func Check(out string, opts ...Option) error {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("check results folder: %w", err)
	}
	if err := check(out, o); err != nil {
		return fmt.Errorf("check results folder: %w", err)
	}
	return nil
}

func check(out string, o options) error {
	absent, err := missing(out)
	if err != nil {
		return err
	}
	existing := out
	if n := len(absent); n > 0 {
		existing = filepath.Dir(absent[n-1])
	}
	info, err := os.Stat(existing)
	if err != nil {
		return fmt.Errorf("look at %s: %w", existing, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a file: choose another folder with --out", existing)
	}
	if len(absent) == 0 {
		if err := checkOurs(out, o); err != nil {
			return err
		}
	}
	if err := checkWritable(existing); err != nil {
		return err
	}
	return checkSpace(existing, o.space)
}

// checkOurs refuses a folder with something in it that we did not put there.
func checkOurs(out string, o options) error {
	var m marker
	err := readRecord(filepath.Join(out, hiddenDir, markerFile), markerKind, &m)
	switch {
	case err == nil:
		return samePlate(out, m, o)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: restore it, or choose another folder with --out", err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return fmt.Errorf("list %s: %w", out, err)
	}
	for _, entry := range entries {
		// A stop between creating the folder and writing its marker leaves
		// just the hidden folder.
		if entry.Name() != hiddenDir {
			return fmt.Errorf("%s already holds something else (%s): choose an empty or new folder with --out", out, entry.Name())
		}
	}
	return nil
}

func checkWritable(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is on a read-only file system: choose another folder with --out: %w", dir, err)
	}
	return fmt.Errorf("cannot write to %s: choose another folder with --out, or change its permissions: %w", dir, err)
}

// checkSpace refuses a file system with less than need and the reserve free.
func checkSpace(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("measure free space of %s: %w", dir, err)
	}
	need += reserve
	free := int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // the types differ by platform
	if free < need {
		return fmt.Errorf("%s has %s free, about %s are needed: make room, or choose another folder with --out: %w",
			dir, readable(free), readable(need), syscall.ENOSPC)
	}
	return nil
}

// readable writes a number of bytes for people.
func readable(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
