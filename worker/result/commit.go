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

	"github.com/wellhouse-hcs/wellhouse/enums"
)

const (
	stampFile = "commit.json"
	stampKind = "wellhouse.commit"
)

// stamp is what a commit adds to a well's results.
type stamp struct {
	Execution     string `json:"execution"`
	Attempt       int    `json:"attempt"`
	Origin        Origin `json:"origin"`
	Configuration string `json:"configuration,omitempty"`
}

// Origin is what a well's result was made from. The zero value matches nothing.
type Origin struct {
	Made  string `json:"made"`  // digest of names of inputs, configuration, function versions, fingerprint
	Looks string `json:"looks"` // what the input files look like from outside: sizes and times
}

// Commit makes a finished attempt the well's result, in one rename. origin is
// for [Folder.Reusable].
//
// Only an attempt whose outcome is "ok", belongs to this execution and whose
// tables match their digests (images: their sizes, since the worker has just
// read them all) is committed; a worker that still holds the well gives
// [ErrLocked]. Different wells may be committed at once. Committing again what is
// committed already changes nothing, so it may be repeated after a stop.
func (f *Folder) Commit(well string, attempt int, origin Origin) error {
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	err := f.whileFree(well, func() error { return f.commit(well, attempt, origin) })
	if err != nil {
		return fmt.Errorf("commit %s, attempt %d: %w", well, attempt, err)
	}
	return nil
}

func (f *Folder) commit(well string, attempt int, origin Origin) error {
	dir := f.AttemptDir(well, attempt)
	generations, err := f.generations(well)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) && len(generations) > 0 {
		var done stamp
		if err := readRecord(filepath.Join(f.generation(well, generations[0]), stampFile), stampKind, &done); err != nil {
			return err
		}
		if done.Execution == f.execution && done.Attempt == attempt {
			return f.prune(well)
		}
	}
	o, err := readOutcome(dir, isTable)
	switch {
	case err != nil:
		return err
	case o.Reason != enums.ReasonOK:
		return fmt.Errorf("the attempt ended as %s", o.Reason)
	case o.Well != well || o.Attempt != attempt || o.Execution != f.execution:
		return fmt.Errorf("%w: the outcome is of %s, attempt %d, execution %s", ErrInvalid, o.Well, o.Attempt, o.Execution)
	case f.options.plate != "" && o.Plate != f.options.plate:
		return fmt.Errorf("%w: the outcome is of plate %q, not %q", ErrInvalid, o.Plate, f.options.plate)
	}
	s := stamp{Execution: f.execution, Attempt: attempt, Origin: origin, Configuration: f.options.configuration}
	if err := writeRecord(f.fs, filepath.Join(dir, stampFile), stampKind, s); err != nil {
		return err
	}
	home := f.hidden("wells", well)
	next := 1
	if len(generations) > 0 {
		next = generations[0] + 1
	} else if err := errors.Join(f.fs.makeDir(home), f.fs.syncDir(f.hidden("wells"))); err != nil {
		return err
	}
	// The commit: before this rename the old result counts, after it the new.
	if err := f.fs.rename(dir, f.generation(well, next)); err != nil {
		return err
	}
	if err := f.fs.syncDir(home); err != nil {
		return err
	}
	return f.prune(well)
}

// generations lists a well's committed results, the one that counts first.
func (f *Folder) generations(well string) ([]int, error) {
	entries, err := os.ReadDir(f.hidden("wells", well))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list results of %s: %w", well, err)
	}
	var numbers []int
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil && n > 0 && entry.IsDir() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers, nil
}

func (f *Folder) generation(well string, n int) string {
	return f.hidden("wells", well, strconv.Itoa(n))
}

// prune removes the results that a newer one replaced.
func (f *Folder) prune(well string) error {
	generations, err := f.generations(well)
	if err != nil || len(generations) < 2 {
		return err
	}
	for _, n := range generations[1:] {
		if err := f.fs.removeAll(f.generation(well, n)); err != nil {
			return err
		}
	}
	return nil
}

// recover finishes what a stop interrupted: replaced results, the staging of a
// merge and half-written records are removed. Attempts are left for Sweep, since workers may have
// outlived the execution that started them.
func (f *Folder) recover() error {
	entries, err := os.ReadDir(f.hidden("wells"))
	if err != nil {
		return fmt.Errorf("list committed wells: %w", err)
	}
	for _, entry := range entries {
		if err := f.prune(entry.Name()); err != nil {
			return err
		}
	}
	for _, dir := range []string{f.hidden(), f.hidden("jobs")} {
		records, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("list records: %w", err)
		}
		for _, entry := range records {
			if strings.HasPrefix(entry.Name(), ".") {
				if err := f.fs.removeAll(filepath.Join(dir, entry.Name())); err != nil {
					return err
				}
			}
		}
	}
	return f.fs.removeAll(f.hidden("merge"))
}

// Committed returns a well's committed outcome, and false when there is none.
// Tables are checked against their digests, images by their size. A damaged
// result is an [ErrInvalid].
func (f *Folder) Committed(well string) (Outcome, bool, error) {
	c, err := f.committed(well)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("read result of %s: %w", well, err)
	}
	if c == nil {
		return Outcome{}, false, nil
	}
	return c.outcome, true, nil
}

// committed is a well's result as it lies in the folder.
type committed struct {
	dir     string
	outcome Outcome
	stamp   stamp
}

func (f *Folder) committed(well string) (*committed, error) {
	generations, err := f.generations(well)
	if err != nil || len(generations) == 0 {
		return nil, err
	}
	c := &committed{dir: f.generation(well, generations[0])}
	if c.outcome, err = readOutcome(c.dir, isTable); err != nil {
		return nil, damagedIfGone(c.dir, outcomeFile, err)
	}
	if err := readRecord(filepath.Join(c.dir, stampFile), stampKind, &c.stamp); err != nil {
		return nil, damagedIfGone(c.dir, stampFile, err)
	}
	if c.outcome.Well != well {
		return nil, &DamagedError{Path: c.dir, Err: fmt.Errorf("holds well %s", c.outcome.Well)}
	}
	return c, nil
}

func isTable(name string) bool { return strings.HasPrefix(name, tablesDir+"/") }

// damagedIfGone makes a missing record of a committed result what it is: damage.
func damagedIfGone(dir, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrInvalid) {
		return &DamagedError{Path: filepath.Join(dir, name), Err: err}
	}
	return err
}

// Reusable returns the outcome of the well's committed result if that was made from
// the same, and is undamaged. Inputs below root that look changed, as those of a
// plate that was copied do, are read and compared.
func (f *Folder) Reusable(well string, origin Origin, root string) (Outcome, bool) {
	c, err := f.committed(well)
	if err != nil || c == nil || origin.Made == "" || c.stamp.Origin.Made != origin.Made || c.outcome.Reason != enums.ReasonOK {
		return Outcome{}, false
	}
	if c.stamp.Origin.Looks != origin.Looks && !unchanged(root, c.outcome.Inputs) {
		return Outcome{}, false
	}
	return c.outcome, true
}

// unchanged tells whether files still hold what they held.
func unchanged(root string, inputs []FileDigest) bool {
	for _, input := range inputs {
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(input.Path)))
		if err != nil || info.Size() != input.Bytes {
			return false
		}
	}
	for _, input := range inputs {
		if now, err := Digest(root, input.Path); err != nil || now != input {
			return false
		}
	}
	return true
}

// Wells returns the wells with a committed result, in plate order.
func (f *Folder) Wells() ([]string, error) {
	entries, err := os.ReadDir(f.hidden("wells"))
	if err != nil {
		return nil, fmt.Errorf("list committed wells: %w", err)
	}
	var wells []string
	for _, entry := range entries {
		generations, err := f.generations(entry.Name())
		if err != nil {
			return nil, err
		}
		if len(generations) > 0 {
			wells = append(wells, entry.Name())
		}
	}
	slices.SortFunc(wells, comparePositions)
	return wells, nil
}

// Sweep removes attempt directories, of this and of earlier executions, except
// those that keep names and those whose well a worker still holds. It returns
// what it left because of a live worker, as paths.
func (f *Folder) Sweep(keep func(execution, well string, attempt int) bool) (alive []string, err error) {
	executions, err := os.ReadDir(f.hidden("attempts"))
	if err != nil {
		return nil, fmt.Errorf("sweep attempts: %w", err)
	}
	for _, execution := range executions {
		parent := f.hidden("attempts", execution.Name())
		attempts, err := os.ReadDir(parent)
		if err != nil {
			return alive, fmt.Errorf("sweep attempts: %w", err)
		}
		left := 0
		for _, entry := range attempts {
			path := filepath.Join(parent, entry.Name())
			name, number, _ := cutLast(attemptName(entry.Name()), ".")
			attempt, err := strconv.Atoi(number)
			if err == nil && keep != nil && keep(execution.Name(), name, attempt) {
				left++
				continue
			}
			remove := func() error { return errors.Join(removeShared(path), f.fs.removeAll(path)) }
			if err == nil && safeName(name) {
				err = f.whileFree(name, remove)
			} else {
				err = remove()
			}
			switch {
			case errors.Is(err, ErrLocked):
				alive = append(alive, path)
				left++
			case err != nil:
				return alive, fmt.Errorf("sweep attempts: %w", err)
			}
		}
		if left == 0 {
			if err := f.fs.removeAll(parent); err != nil {
				return alive, fmt.Errorf("sweep attempts: %w", err)
			}
		}
	}
	return alive, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Holds tells whether a results folder, open or not, has a result of the well,
// as far as that shows without reading it.
func Holds(out, well string) bool {
	f := Folder{out: out}
	generations, err := f.generations(well)
	return err == nil && len(generations) > 0
}
