package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// allow limits which folders clients may name; without entries all are fine.
type allow []string

const (
	toRead  = "read plates from"
	toWrite = "write results to"
)

// newAllow resolves the given folders once; each must exist.
func newAllow(dirs []string) (allow, error) {
	var a allow
	for _, dir := range dirs {
		resolved, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, fmt.Errorf("allow %s: %w", dir, err)
		}
		abs, err := filepath.Abs(resolved)
		if err != nil {
			return nil, fmt.Errorf("allow %s: %w", dir, err)
		}
		a = append(a, abs)
	}
	return a, nil
}

// both checks where a submission reads and where it writes.
func (a allow) both(s Submission) error {
	if err := a.check(s.PlatePath, toRead); err != nil {
		return err
	}
	return a.check(s.Out(), toWrite)
}

// below refuses a plate whose folder holds a link that leads outside, to an
// image or to the metadata that is read first.
func (a allow) below(plate string) error {
	if len(a) == 0 {
		return nil
	}
	root, err := filepath.EvalSymlinks(plate)
	if err != nil {
		return nil //nolint:nilerr // opening the plate says what is wrong
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink == 0 {
			return nil //nolint:nilerr // what cannot be looked at is reported by opening the plate
		}
		return a.check(path, toRead)
	})
}

// check refuses a path outside, symbolic links resolved, with the same words
// whether it exists or not.
func (a allow) check(path, purpose string) error {
	if len(a) == 0 {
		return nil
	}
	if resolved, err := resolve(path); err == nil {
		for _, dir := range a {
			if below, err := filepath.Rel(dir, resolved); err == nil && filepath.IsLocal(below) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is outside the folders this server may %s (its --allow)", path, purpose)
}

// maxLinks is how many dangling links are followed, as the kernel's limit on links.
const maxLinks = 40

// resolve returns where a path leads, symbolic links followed, also when it, or
// what a link points to, does not exist.
func resolve(path string) (string, error) {
	path = filepath.Clean(path)
	for range maxLinks {
		exists, missing, err := existing(path)
		if err != nil {
			return "", err
		}
		if missing == "" {
			return exists, nil
		}
		first, rest, _ := strings.Cut(missing, string(filepath.Separator))
		link := filepath.Join(exists, first)
		target, err := os.Readlink(link)
		if err != nil {
			return filepath.Join(exists, missing), nil //nolint:nilerr // it is not there: nothing more to follow
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(exists, target)
		}
		path = filepath.Join(target, rest)
	}
	return "", fmt.Errorf("resolve %s: %w", path, syscall.ELOOP)
}

// existing splits a path into its longest part that exists, resolved, and the rest.
func existing(path string) (exists, missing string, err error) {
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return real, missing, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) || path == filepath.Dir(path) {
			return "", "", fmt.Errorf("resolve path: %w", err)
		}
		missing = filepath.Join(filepath.Base(path), missing)
		path = filepath.Dir(path)
	}
}
