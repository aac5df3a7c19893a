package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

const (
	outcomeFile = "outcome.json"
	outcomeKind = "wellhouse.outcome"
	tablesDir   = "tables"
	imagesDir   = "images"
)

// Outcome is how one attempt at a well ended, written by the worker as the
// last thing it does. Its presence tells a normal end from a lost one.
type Outcome struct {
	Execution string           `json:"execution"`
	Plate     string           `json:"plate"`
	Well      string           `json:"well"`
	Attempt   int              `json:"attempt"` // from 1
	Reason    enums.ExitReason `json:"reason"`
	Error     string           `json:"error,omitempty"` // one sentence for the user
	Step      string           `json:"step,omitempty"`  // where it failed, else the last one
	File      string           `json:"file,omitempty"`  // the input that could not be read
	Warnings  []string         `json:"warnings,omitempty"`

	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`

	Counts map[string]int `json:"counts,omitempty"` // objects by their name, summed over the well
	Inputs []FileDigest   `json:"inputs,omitempty"` // images read, relative to the plate's root
	Files  []FileDigest   `json:"files,omitempty"`  // filled by WriteOutcome

	Read    time.Duration `json:"read_ns"`    // spent reading images
	Compute time.Duration `json:"compute_ns"` // spent in functions
	Write   time.Duration `json:"write_ns"`   // spent writing results

	// What the worker used until it wrote this, for when nobody sees it end: CPU
	// with that of the children it waited for, and the highest resident size in
	// bytes without pages of files. 0 is unknown.
	UserCPU    time.Duration `json:"user_cpu_ns,omitempty"`
	SystemCPU  time.Duration `json:"system_cpu_ns,omitempty"`
	PeakMemory int64         `json:"peak_memory,omitempty"`
}

// AttemptDir is where an attempt works in the results folder out, which need not
// be open or there.
func AttemptDir(out, execution, well string, attempt int) string {
	return filepath.Join(out, hiddenDir, "attempts", execution, well+"."+strconv.Itoa(attempt))
}

// MakeWithin makes the folder parts[0]/parts[1]/… in dir, where it is not there yet, and
// never dir itself: an attempt's directory that is gone went with its results
// folder, and a new one would stand in the way when that is put back.
func MakeWithin(dir string, parts ...string) error {
	for _, part := range parts {
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create folder: %w", err)
		}
	}
	return nil
}

// WriteOutcome ends an attempt's directory: it flushes and digests every file
// below tables/ and images/ into o.Files, and only then writes outcome.json,
// so an outcome vouches for files that are on the disk. An existing outcome is
// replaced. Of the options only [WithStep] means something here.
func WriteOutcome(dir string, o Outcome, opts ...Option) error {
	return writeOutcome(fileSystemOf(opts), dir, o)
}

func writeOutcome(fsys fileSystem, dir string, o Outcome) error {
	o.Files = nil
	for _, part := range []string{tablesDir, imagesDir} {
		files, err := fsys.flushTree(dir, part)
		if err != nil {
			return fmt.Errorf("write outcome: %w", err)
		}
		o.Files = append(o.Files, files...)
	}
	o.Started, o.Ended = o.Started.UTC(), o.Ended.UTC()
	if err := writeRecord(fsys, filepath.Join(dir, outcomeFile), outcomeKind, o); err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	return nil
}

// ReadOutcome reads outcome.json and checks every file it lists against its
// digest. The error is fs.ErrNotExist when the attempt left no outcome, and
// [ErrInvalid] when it or one of its files is damaged.
func ReadOutcome(dir string) (Outcome, error) {
	return readOutcome(dir, func(string) bool { return true })
}

// readOutcome checks digests of the files for which full is true, and of the
// others that they are there in their size.
func readOutcome(dir string, full func(name string) bool) (Outcome, error) {
	var o Outcome
	path := filepath.Join(dir, outcomeFile)
	if err := readRecord(path, outcomeKind, &o); err != nil {
		return Outcome{}, fmt.Errorf("read outcome: %w", err)
	}
	for _, want := range o.Files {
		if !filepath.IsLocal(filepath.FromSlash(want.Path)) {
			return Outcome{}, fmt.Errorf("read outcome: %w", &DamagedError{Path: path, Err: fmt.Errorf("lists %q, which leaves its folder", want.Path)})
		}
		if err := checkFile(dir, want, full(want.Path)); err != nil {
			return Outcome{}, fmt.Errorf("read outcome: %w", &DamagedError{Path: filepath.Join(dir, filepath.FromSlash(want.Path)), Err: err})
		}
	}
	return o, nil
}

func checkFile(dir string, want FileDigest, full bool) error {
	path := filepath.Join(dir, filepath.FromSlash(want.Path))
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("is a %s, not a regular file", info.Mode().Type())
	case info.Size() != want.Bytes:
		return fmt.Errorf("has %d bytes, %d were written", info.Size(), want.Bytes)
	case !full:
		return nil
	}
	got, err := Digest(dir, want.Path)
	if err != nil {
		return err
	}
	if got.SHA256 != want.SHA256 {
		return fmt.Errorf("content does not match its digest")
	}
	return nil
}

// flushTree flushes every regular file below dir/part, and the directories
// that hold them, and returns the files' digests in path order.
func (s fileSystem) flushTree(dir, part string) ([]FileDigest, error) {
	var files []FileDigest
	var folders []string
	root := filepath.Join(dir, part)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root && os.IsNotExist(err):
			return fs.SkipAll
		case err != nil:
			return err
		case entry.IsDir():
			folders = append(folders, path)
			return nil
		case strings.HasPrefix(entry.Name(), "."): // a temporary file that a stop left behind
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is a %s, not a regular file", path, entry.Type())
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		file, err := s.flushFile(path, filepath.ToSlash(name))
		files = append(files, file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("flush files: %w", err)
	}
	for _, folder := range folders {
		if err := s.syncDir(folder); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b FileDigest) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}
