package result

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stopper stops everything from the n-th change of the disk on, as a killed
// process does; n < 0 only counts.
type stopper struct {
	n     int
	count int
	trace []string
}

func (s *stopper) before(operation, path string) error {
	if s.n >= 0 && s.count >= s.n {
		return fmt.Errorf("%w before %s %s", errStopped, operation, path)
	}
	s.count++
	s.trace = append(s.trace, operation+" "+path)
	return nil
}

// everyStop runs do once to count its changes, then once per change, stopped
// before it, each time on a fresh state; after is to find old or new.
func everyStop(t *testing.T, prepare func() string, do func(out string, s *stopper) error, after func(out string, stop string)) {
	t.Helper()
	all := &stopper{n: -1}
	check0(t, do(prepare(), all))
	if all.count < 2 {
		t.Fatalf("only %d failpoints", all.count)
	}
	for n := range all.count {
		out := prepare()
		s := &stopper{n: n}
		if err := do(out, s); !errors.Is(err, errStopped) {
			t.Fatalf("stop %d of %d: %v", n, all.count, err)
		}
		after(out, fmt.Sprintf("stop %d of %d, before %q", n, all.count, all.trace[n]))
	}
	t.Logf("%d failpoints", all.count)
}

func TestStopDuringWriteOutcome(t *testing.T) {
	t.Parallel()
	everyStop(t, func() string {
		f := must[*Folder](t)(Open(filepath.Join(t.TempDir(), "out"), "e1"))
		defer f.Close()
		work(t, f, "A01", 1, 3)
		return f.AttemptDir("A01", 1)
	}, func(dir string, s *stopper) error {
		return writeOutcome(fileSystem{s.before}, dir, Outcome{Well: "A01", Attempt: 2, Reason: "ok"})
	}, func(dir, stop string) {
		o, err := ReadOutcome(dir)
		if err != nil || o.Attempt != 1 && o.Attempt != 2 {
			t.Errorf("%s: outcome of attempt %d, %v", stop, o.Attempt, err)
		}
	})
}

func TestStopDuringFragment(t *testing.T) {
	t.Parallel()
	everyStop(t, func() string {
		dir := t.TempDir()
		check0(t, WriteFragment(dir, objects(t, "A01", 3)))
		return dir
	}, func(dir string, s *stopper) error {
		return writeFragment(fileSystem{s.before}, dir, objects(t, "A01", 5))
	}, func(dir, stop string) {
		table, err := ReadFragment(dir, "Nuclei")
		if err != nil || table.Rows() != 3 && table.Rows() != 5 {
			t.Errorf("%s: %v", stop, err)
		}
	})
}

// A commit stopped anywhere leaves the old result or the new one, whole, to
// whoever looks before and after recovery; repeating it completes it.
func TestStopDuringCommit(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("first=%v", first), func(t *testing.T) {
			t.Parallel()
			everyStop(t, func() string {
				f := must[*Folder](t)(Open(filepath.Join(t.TempDir(), "out"), "e1"))
				defer f.Close()
				if !first {
					complete(t, f, "A01", 1, 3)
				}
				work(t, f, "A01", 2, 5)
				return f.out
			}, func(out string, s *stopper) error {
				f := must[*Folder](t)(Open(out, "e1"))
				defer f.Close()
				f.fs.before = s.before
				return f.Commit("A01", 2, made)
			}, func(out, stop string) {
				oldOrNew := func(f *Folder, when string) {
					t.Helper()
					o, ok, err := f.Committed("A01")
					switch {
					case err != nil:
						t.Errorf("%s: %s: %v", stop, when, err)
					case !ok && first, ok && o.Attempt == 1 && o.Counts["Nuclei"] == 3, ok && o.Attempt == 2 && o.Counts["Nuclei"] == 5:
					default:
						t.Errorf("%s: %s: committed %v, %+v", stop, when, ok, o)
					}
				}
				oldOrNew(&Folder{out: out}, "before recovery")
				f := must[*Folder](t)(Open(out, "e1"))
				defer f.Close()
				oldOrNew(f, "after recovery")
				check0(t, f.Commit("A01", 2, made))
				if o, ok, err := f.Committed("A01"); err != nil || !ok || o.Attempt != 2 {
					t.Errorf("%s: repeated: %v, %v, %+v", stop, ok, err, o)
				}
			})
		})
	}
}

func TestStopDuringOpen(t *testing.T) {
	t.Parallel()
	everyStop(t, func() string { return filepath.Join(t.TempDir(), "out") },
		func(out string, s *stopper) error {
			f, err := Open(out, "e1", WithPlate("P1"), func(o *options) { o.fs.before = s.before })
			if err == nil {
				err = f.Close()
			}
			return err
		}, func(out, stop string) {
			f, err := Open(out, "e1", WithPlate("P1"))
			if err != nil {
				t.Fatalf("%s: %v", stop, err)
			}
			complete(t, f, "A01", 1, 3)
			check0(t, f.Close())
		})
}

// A merge stopped anywhere leaves every file old or new, and repeating it
// gives what it would have given.
func TestStopDuringMerge(t *testing.T) {
	t.Parallel()
	plan := func(f *Folder) Job { return job(f, completeWell("A01", 2), failedWell("A02")) }
	f := must[*Folder](t)(Open(filepath.Join(t.TempDir(), "out"), "e1", drawSmall))
	complete(t, f, "A01", 1, 3)
	must[Summary](t)(f.Merge(job(f, completeWell("A01", 1))))
	was := visible(t, f)
	complete(t, f, "A01", 2, 5)
	template := t.TempDir()
	check0(t, os.CopyFS(filepath.Join(template, "out"), os.DirFS(f.out)))
	must[Summary](t)(f.Merge(plan(f)))
	want := visible(t, f)
	check0(t, f.Close())
	everyStop(t, func() string {
		dir := t.TempDir()
		check0(t, os.CopyFS(dir, os.DirFS(template)))
		return filepath.Join(dir, "out")
	}, func(out string, s *stopper) error {
		f := must[*Folder](t)(Open(out, "e1", drawSmall))
		defer f.Close()
		f.fs.before = s.before
		_, err := f.Merge(plan(f))
		return err
	}, func(out, stop string) {
		f := must[*Folder](t)(Open(out, "e1", drawSmall))
		defer f.Close()
		for name, text := range visible(t, f) {
			if text != was[name] && text != want[name] {
				t.Errorf("%s: %s is neither old nor new", stop, name)
			}
		}
		must[Summary](t)(f.Merge(plan(f)))
		if got := visible(t, f); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: merged again, the files differ", stop)
		}
	})
}

// visible is the content of every file that a merge makes.
func visible(t testing.TB, f *Folder) map[string]string {
	t.Helper()
	files := map[string]string{}
	for line := range strings.SplitSeq(tree(t, f.out), "\n") {
		name, _, _ := strings.Cut(line, " = ")
		path := filepath.Join(f.out, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(name, hiddenDir) {
			files[name] = read(t, f, name)
		}
	}
	return files
}

// What is renamed was flushed before, and what replaced is flushed before the
// old goes: the order that a power cut asks for.
func TestCommitFlushesInOrder(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	complete(t, f, "A01", 1, 3)
	s := &stopper{n: -1}
	dir := must[string](t)(f.Prepare("A01", 2))
	f.fs.before = s.before
	fs := fileSystem{s.before}
	check0(t, writeFragment(fs, dir, objects(t, "A01", 5)))
	check0(t, writeOutcome(fs, dir, outcome(f, "A01", 2, 5)))
	check0(t, f.Commit("A01", 2, made))
	at := -1
	for _, want := range []string{
		"flush " + fragmentPath(dir, "Nuclei"), "flush " + filepath.Join(dir, tablesDir),
		"rename " + filepath.Join(dir, outcomeFile), "flush " + dir,
		"rename " + filepath.Join(dir, stampFile), "flush " + dir,
		"rename " + f.generation("A01", 2), "flush " + f.hidden("wells", "A01"), "remove " + f.generation("A01", 1),
	} {
		found := -1
		for i := at + 1; i < len(s.trace) && found < 0; i++ {
			if s.trace[i] == want {
				found = i
			}
		}
		if found < 0 {
			t.Fatalf("%q does not follow in\n%s", want, strings.Join(s.trace, "\n"))
		}
		at = found
	}
}

// A folder that was made is flushed into the one around it, or nothing that is
// flushed within it is found after a power cut.
func TestFoldersAreFlushed(t *testing.T) {
	t.Parallel()
	s := &stopper{n: -1}
	out := filepath.Join(t.TempDir(), "new", "out")
	f := openFolder(t, out, "e1", WithStep(s.before))
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 3))))
	for _, dir := range []string{filepath.Dir(filepath.Dir(out)), filepath.Dir(out), out, filepath.Join(out, "images"), filepath.Join(out, "images", "clean")} {
		if !slices.Contains(s.trace, "flush "+dir) {
			t.Errorf("%s is not flushed", dir)
		}
	}
}

// A worker whose results folder was moved away does not make another in its place.
func TestWorkerDoesNotMakeItsFolderAgain(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	dir := must[string](t)(f.Prepare("A01", 1))
	check0(t, os.Rename(f.out, f.out+"-away"))
	if err := errors.Join(WriteFragment(dir, objects(t, "A01", 3)), WriteOutcome(dir, outcome(f, "A01", 1, 3))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says %v", err)
	}
	if _, err := os.Lstat(f.out); err == nil {
		t.Error("it is there again")
	}
}

// Random histories of attempts, stops and restarts against a model that is a
// single number per well.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	deadline := time.Now().Add(5 * time.Second)
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(deadline) { // a slow disk shortens the search
			return
		}
		root, err := os.MkdirTemp("", "history")
		check0(t, err)
		defer os.RemoveAll(root)
		f := must[*Folder](t)(Open(filepath.Join(root, "out"), "e1"))
		defer func() { _ = f.Close() }()
		known := map[string]map[int]bool{} // well → the attempts that may be its result
		attempt := 0
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			well := rapid.SampledFrom([]string{"A01", "A02"}).Draw(rt, "well")
			if known[well] == nil {
				known[well] = map[int]bool{0: true}
			}
			attempt++
			work(t, f, well, attempt, attempt)
			s := &stopper{n: rapid.IntRange(-1, 16).Draw(rt, "stop")}
			f.fs.before = s.before
			err := f.Commit(well, attempt, made)
			f.fs.before = nil
			switch {
			case err == nil:
				known[well] = map[int]bool{attempt: true}
			case errors.Is(err, errStopped):
				known[well][attempt] = true
			default:
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "restart") {
				check0(t, f.Close())
				f = must[*Folder](t)(Open(f.out, "e1"))
				must[[]string](t)(f.Sweep(nil))
			}
			for well, attempts := range known {
				o, ok, err := f.Committed(well)
				if err != nil || !attempts[o.Attempt] || ok != (o.Attempt > 0) {
					rt.Fatalf("%s is attempt %d (%v, %v), want one of %v", well, o.Attempt, ok, err, attempts)
				}
				known[well] = map[int]bool{o.Attempt: true} // a result does not change by itself
			}
		}
	})
}
