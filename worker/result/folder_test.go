package result

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestOpenRefusesWithAnAnswer(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	check0(t, os.WriteFile(filepath.Join(full, "thesis.doc"), []byte("x"), 0o644))
	file := filepath.Join(t.TempDir(), "file")
	check0(t, os.WriteFile(file, nil, 0o644))
	busy := filepath.Join(t.TempDir(), "busy")
	openFolder(t, busy, "e1", WithPlate("P1"))
	damaged := filepath.Join(t.TempDir(), "damaged")
	check0(t, must[*Folder](t)(Open(damaged, "e1")).Close())
	check0(t, os.WriteFile(filepath.Join(damaged, hiddenDir, markerFile), []byte("{"), 0o644))
	other := filepath.Join(t.TempDir(), "other")
	check0(t, must[*Folder](t)(Open(other, "e1", WithPlate("P2"))).Close())
	for _, c := range []struct {
		name, out, execution string
		want                 []string
		is                   error
	}{
		{"foreign", full, "e2", []string{"thesis.doc", "--out"}, nil},
		{"file", file, "e2", []string{"is a file", "--out"}, nil},
		{"below a file", filepath.Join(file, "x"), "e2", []string{file}, nil},
		{"busy", busy, "e2", []string{"execution e1", "wait for it"}, ErrLocked},
		{"damaged marker", damaged, "e2", []string{"damaged", "--out"}, ErrInvalid},
		{"other plate", other, "e2", []string{`"P2"`, `"P1"`, "--out"}, nil},
		{"execution", filepath.Join(t.TempDir(), "x"), "../e", []string{"execution id"}, nil},
	} {
		before := tree(t, filepath.Dir(c.out))
		f, err := Open(c.out, c.execution, WithPlate("P1"))
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			check0(t, f.Close())
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", c.name, err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: error is %q", c.name, err)
		}
		if after := tree(t, filepath.Dir(c.out)); after != before {
			t.Errorf("%s: changed the folder from\n%s\nto\n%s", c.name, before, after)
		}
	}
}

func TestOpenCreatesAndReopens(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "a", "b")
	if err := Check(out, WithPlate("P1")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(out)); err == nil {
		t.Fatal("a check created something")
	}
	check0(t, must[*Folder](t)(Open(out, "e1")).Close())
	check0(t, must[*Folder](t)(Open(out, "e2", WithPlate("P1"))).Close())
	if err := Check(out, WithPlate("P2")); err == nil {
		t.Error("the plate was not kept")
	}
	check0(t, must[*Folder](t)(Open(out, "e3")).Close())
}

func TestCommitReplacesAndIsIdempotent(t *testing.T) {
	t.Parallel()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1", WithPlate("P1"))
	if _, ok, err := f.Committed("A01"); ok || err != nil {
		t.Fatalf("committed before the first attempt: %v, %v", ok, err)
	}
	complete(t, f, "A01", 1, 3)
	check0(t, f.Commit("A01", 1, made)) // again, as after a restart
	complete(t, f, "A01", 2, 5)
	o, ok, err := f.Committed("A01")
	check0(t, err)
	if !ok || o.Attempt != 2 || o.Counts["Nuclei"] != 5 {
		t.Errorf("committed %+v", o)
	}
	if err := f.Commit("A01", 1, made); err == nil {
		t.Error("a superseded attempt counts as committed")
	}
	if entries := must[[]os.DirEntry](t)(os.ReadDir(f.hidden("wells", "A01"))); len(entries) != 1 {
		t.Errorf("%d results of one well stay", len(entries))
	}
	for origin, want := range map[Origin]bool{made: true, {Made: "other", Looks: made.Looks}: false, {}: false} {
		if o, ok := f.Reusable("A01", origin, ""); ok != want || ok && o.Attempt != 2 {
			t.Errorf("made from %+v it is reusable: %t, %+v", origin, ok, o)
		}
	}
	if _, ok := f.Reusable("A02", made, ""); ok {
		t.Error("what is not there is reusable")
	}
	wells := must[[]string](t)(f.Wells())
	if len(wells) != 1 || wells[0] != "A01" {
		t.Errorf("wells are %v", wells)
	}
}

// Files that only look changed are read: it is what they hold that counts.
func TestReuseByWhatTheInputsHold(t *testing.T) {
	t.Parallel()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1", WithPlate("P1"))
	root := t.TempDir()
	images := []string{"a.tif", "b.tif"}
	for _, name := range images {
		check0(t, os.WriteFile(filepath.Join(root, name), []byte("pixels of "+name), 0o600))
	}
	work(t, f, "A01", 1, 3)
	o := outcome(f, "A01", 1, 3)
	o.Inputs = nil
	for _, name := range images {
		o.Inputs = append(o.Inputs, must[FileDigest](t)(Digest(root, name)))
	}
	check0(t, WriteOutcome(f.AttemptDir("A01", 1), o))
	check0(t, f.Commit("A01", 1, made))
	newer := Origin{Made: made.Made, Looks: "newer"}
	reusable := func(what string, origin Origin, want bool) {
		t.Helper()
		if _, got := f.Reusable("A01", origin, root); got != want {
			t.Errorf("%s: reusable %t, want %t", what, got, want)
		}
	}
	reusable("other times, the same content", newer, true)
	path := filepath.Join(root, "b.tif")
	check0(t, os.WriteFile(path, []byte("pixels of B.tif"), 0o600))
	reusable("other content of the same size", newer, false)
	reusable("that does not look changed", made, true)
	check0(t, os.WriteFile(path, []byte("more pixels of b.tif"), 0o600))
	reusable("more content", newer, false)
	check0(t, os.Remove(path))
	reusable("a file that is gone", newer, false)
}

func TestFailedAttemptLeavesTheResult(t *testing.T) {
	t.Parallel()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1", WithPlate("P1"))
	complete(t, f, "A01", 1, 3)
	before := tree(t, f.hidden("wells"))
	bad := func(what string, attempt int, spoil func(dir string)) {
		t.Helper()
		work(t, f, "A01", attempt, 9)
		spoil(f.AttemptDir("A01", attempt))
		if err := f.Commit("A01", attempt, made); err == nil {
			t.Errorf("%s was committed", what)
		}
		check0(t, f.Discard("A01", attempt))
		check0(t, f.Discard("A01", attempt))
		if after := tree(t, f.hidden("wells")); after != before {
			t.Errorf("%s changed\n%s\nto\n%s", what, before, after)
		}
	}
	bad("a failure", 2, func(dir string) {
		o := outcome(f, "A01", 2, 9)
		o.Reason = enums.ReasonFunctionError
		check0(t, WriteOutcome(dir, o))
	})
	bad("another well", 3, func(dir string) { check0(t, WriteOutcome(dir, outcome(f, "A02", 3, 9))) })
	bad("another attempt", 4, func(dir string) { check0(t, WriteOutcome(dir, outcome(f, "A01", 9, 9))) })
	bad("another execution", 8, func(dir string) {
		o := outcome(f, "A01", 8, 9)
		o.Execution = "e2"
		check0(t, WriteOutcome(dir, o))
	})
	bad("another plate", 10, func(dir string) {
		o := outcome(f, "A01", 10, 9)
		o.Plate = "P2"
		check0(t, WriteOutcome(dir, o))
	})
	bad("a lost attempt", 5, func(dir string) { check0(t, os.Remove(filepath.Join(dir, outcomeFile))) })
	bad("a torn table", 6, func(dir string) { check0(t, os.Truncate(fragmentPath(dir, "Nuclei"), 20)) })
	if err := f.Commit("A01", 7, made); err == nil {
		t.Error("an attempt that never was is committed")
	}
	if err := f.Commit("../x", 1, made); err == nil {
		t.Error("a well that leaves the folder is committed")
	}
}

func TestLiveWorkerKeepsItsWell(t *testing.T) {
	t.Parallel()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1")
	work(t, f, "A01", 1, 3)
	work(t, f, "B02", 1, 3)
	worker := must[*Lock](t)(TryLock(f.LockPath("A01"), "process 42"))
	if err := f.Commit("A01", 1, Origin{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process 42") {
		t.Errorf("commit: %v", err)
	}
	if err := f.Discard("A01", 1); !errors.Is(err, ErrLocked) {
		t.Errorf("discard: %v", err)
	}
	if _, err := f.Prepare("A01", 1); !errors.Is(err, ErrLocked) {
		t.Errorf("prepare: %v", err)
	}
	alive, err := f.Sweep(nil)
	check0(t, err)
	if len(alive) != 1 || alive[0] != f.AttemptDir("A01", 1) {
		t.Errorf("alive are %v", alive)
	}
	if _, err := os.Stat(f.AttemptDir("B02", 1)); err == nil {
		t.Error("a leftover was not swept")
	}
	check0(t, worker.Release())
	alive, err = f.Sweep(func(execution, well string, attempt int) bool {
		return execution == "e1" && well == "A01" && attempt == 1
	})
	if err != nil || len(alive) != 0 {
		t.Errorf("sweep: %v, %v", alive, err)
	}
	check0(t, f.Commit("A01", 1, Origin{}))
}

// Temporary files are kept and swept with their attempt.
func TestTemporaryFilesGoWithTheirAttempt(t *testing.T) {
	t.Parallel()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1")
	work(t, f, "A01", 1, 3)
	dir := TemporaryDir(f.AttemptDir("A01", 1))
	check0(t, os.Mkdir(dir, 0o700))
	check0(t, os.WriteFile(filepath.Join(dir, "scratch"), nil, 0o600))
	keep := func(execution, well string, attempt int) bool {
		return execution == "e1" && well == "A01" && attempt == 1
	}
	if _, err := f.Sweep(keep); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "scratch")); err != nil {
		t.Errorf("a kept attempt lost its temporary files: %v", err)
	}
	worker := must[*Lock](t)(TryLock(f.LockPath("A01"), "process 42"))
	if alive := must[[]string](t)(f.Sweep(nil)); len(alive) != 2 {
		t.Errorf("alive are %v, want the attempt's two directories", alive)
	}
	check0(t, worker.Release())
	check0(t, f.Commit("A01", 1, Origin{}))
	if alive := must[[]string](t)(f.Sweep(nil)); len(alive) != 0 {
		t.Errorf("alive are %v", alive)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("temporary files are not swept")
	}
}

// A server that died leaves attempts of running workers: opening keeps them.
func TestReopenKeepsAttempts(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	f := must[*Folder](t)(Open(out, "e1"))
	work(t, f, "A01", 1, 3)
	check0(t, f.Close())
	f = openFolder(t, out, "e1")
	check0(t, f.Commit("A01", 1, made))
}

// tree lists every file below root with its content, for comparison.
func tree(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	check0(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		b.WriteString(name)
		if entry.Type().IsRegular() {
			b.WriteString(" = " + string(must[[]byte](t)(os.ReadFile(path))))
		}
		b.WriteString("\n")
		return nil
	}))
	return b.String()
}

// Two plates of one name in one results folder would mix their wells in the
// tables; a plate that has been moved is still the same.
func TestAnotherPlateOfTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, here, there := filepath.Join(dir, "out"), filepath.Join(dir, "here"), filepath.Join(dir, "there")
	check0(t, os.Mkdir(here, 0o755))
	check0(t, os.Mkdir(there, 0o755))
	open := func(root string) error {
		f, err := Open(out, "e1", WithPlate("P1"), WithRoot(root))
		if err == nil {
			err = f.Close()
		}
		return err
	}
	check0(t, open(here))
	check0(t, open(here))
	for _, err := range []error{open(there), Check(out, WithPlate("P1"), WithRoot(there))} {
		if err == nil || !strings.Contains(err.Error(), here) || !strings.Contains(err.Error(), "--out") {
			t.Errorf("another plate named P1: %v", err)
		}
	}
	check0(t, os.Symlink(here, filepath.Join(dir, "link")))
	check0(t, open(filepath.Join(dir, "link")))
	check0(t, open(here))
	copied := filepath.Join(t.TempDir(), "all")
	check0(t, os.CopyFS(copied, os.DirFS(dir)))
	if f, err := Open(filepath.Join(copied, "out"), "e1", WithPlate("P1"), WithRoot(filepath.Join(copied, "here"))); err != nil {
		t.Errorf("plate and results were copied together: %v", err)
	} else {
		check0(t, f.Close())
	}
	check0(t, os.Remove(there))
	check0(t, os.Rename(here, there))
	check0(t, open(there))
	check0(t, os.Mkdir(here, 0o755))
	if open(here) == nil {
		t.Error("what is now at the plate's old place was taken for it")
	}
}

// Two results folders below one new folder: what fails in one is not to take
// the other with it.
func TestFailingOpenRemovesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := filepath.Join(dir, "new", "parent")
	fail := func(before func()) {
		t.Helper()
		failure := errors.New("broken")
		_, err := Open(filepath.Join(parent, "second"), "e2", WithStep(func(operation, path string) error {
			if operation != "create" || filepath.Base(path) != markerFile {
				return nil
			}
			before()
			return failure
		}))
		if !errors.Is(err, failure) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("error is %v", err)
		}
	}
	fail(func() {})
	if entries := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(entries) != 0 {
		t.Errorf("alone, it left %v", entries)
	}
	var first *Folder
	fail(func() {
		first = openFolder(t, filepath.Join(parent, "first"), "e1")
		complete(t, first, "A01", 1, 3)
	})
	if o, ok, err := first.Committed("A01"); !ok || err != nil {
		t.Errorf("the first folder holds %+v, %v, %v", o, ok, err)
	}
	if entries := must[[]os.DirEntry](t)(os.ReadDir(parent)); len(entries) != 1 {
		t.Errorf("beside the first folder stays %v", entries)
	}
	empty := filepath.Join(parent, "second")
	check0(t, os.Mkdir(empty, 0o755))
	fail(func() { check0(t, os.WriteFile(filepath.Join(empty, "notes.txt"), nil, 0o644)) })
	if entries := must[[]os.DirEntry](t)(os.ReadDir(empty)); len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("in a folder of the user's stays %v", entries)
	}
}
