//go:build linux

package faults

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// No machine loses power here. What a power cut asks for is an order of things,
// which a file system of the test's own sees from outside: the files that an outcome
// vouches for are flushed before it is there, nothing that is not flushed takes a
// name that counts, and whatever took one has its folder flushed afterwards.
func TestFaultResultsAreFlushedInOrder(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := mountShare(t, w, "share")
	w.Serve("--workers", "2")
	plate := plateOf(t, w, 4)
	s.watch()
	pipeline := strings.Replace(harness.Nuclei, "objects: Nuclei\n", "objects: Nuclei\n    keep: true\n", 1)
	check(t, w, w.AwaitEnd(w.Submit(plate, pipeline, "--out", filepath.Join(s.dir, "new", "out"))), expectation{wells: 4})

	s.mu.Lock()
	changes := s.changes
	s.mu.Unlock()
	dirty := map[string]bool{}    // files with something in them that is not flushed
	unflushed := map[string]int{} // folders with a name in them that is not flushed, by when it came
	below := func(dir string) (found []string) {
		for file := range dirty {
			if dirty[file] && strings.HasPrefix(file, dir+"/") {
				found = append(found, file)
			}
		}
		return found
	}
	outcomes, commits, merged := 0, 0, 0
	for i, c := range changes {
		switch c.what {
		case "write":
			dirty[c.path] = true
		case "flush":
			delete(dirty, c.path)
			delete(unflushed, c.path)
		case "mkdir":
			unflushed[path.Dir(c.path)] = i
		case "remove":
			delete(dirty, c.path)
		case "link":
			if dirty[c.path] {
				t.Errorf("%s is taken over into a merge before it is flushed", c.path)
			}
		case "rename":
			attempt, after, within := strings.Cut(c.path, "/attempts/")
			switch {
			case path.Base(c.to) == "outcome.json":
				outcomes++
				for _, part := range []string{"tables", "images"} {
					if left := below(path.Join(path.Dir(c.path), part)); len(left) > 0 {
						t.Errorf("%s is there before %v are flushed", c.to, left)
					}
				}
			case within && strings.HasPrefix(c.to, attempt+"/wells/"):
				commits++
				if left := below(c.path); len(left) > 0 {
					t.Errorf("attempt %s is committed before %v are flushed", after, left)
				}
				if _, ok := unflushed[c.path]; ok {
					t.Errorf("attempt %s is committed before the names in its folder are flushed", after)
				}
			case within: // a table on its way: its outcome is to come
				dirty[c.to] = dirty[c.path]
				delete(dirty, c.path)
				continue
			case strings.Contains(c.path, "/merge/"):
				merged++
			}
			if dirty[c.path] {
				t.Errorf("%s takes the name %s before it is flushed", c.path, c.to)
			}
			unflushed[path.Dir(c.to)] = i
		}
	}
	for dir, i := range unflushed {
		if _, err := os.Stat(filepath.Join(s.dir, dir)); err == nil && !strings.Contains(dir+"/", "/attempts/") {
			t.Errorf("%s is not flushed after %+v", dir, changes[i])
		}
	}
	if outcomes != 4 || commits != 4 || merged < 8 {
		t.Errorf("there were %d outcomes, %d commits and %d merged files", outcomes, commits, merged)
	}
}
