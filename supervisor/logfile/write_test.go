package logfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRotation(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	r, err := OpenRotating(d.ServerPath(1), 100, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := r.Write([]byte(line(float64(i), "INFO", "m", ""))); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := d.Files()
	if err != nil || len(files) != 3 {
		t.Fatalf("files are %+v, %v", files, err)
	}
	for _, f := range files {
		if f.Bytes > 100 {
			t.Errorf("%s has %d bytes", f.Path, f.Bytes)
		}
	}
}

// A log that cannot be rotated goes on growing and costs no older one, however
// often that is tried; when it can be again, it is.
func TestRotationThatFails(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]func(path string) string{
		"no new file":       func(path string) string { return path + ".new" },
		"cannot be renamed": func(path string) string { return path + ".3" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := Dir(t.TempDir()).ServerPath(1)
			wall := block(path)
			if err := os.MkdirAll(wall+"/full", 0o700); err != nil { // no file can take its name
				t.Fatal(err)
			}
			for _, older := range []string{".1", ".2", ".3"} {
				if path+older != wall {
					add(t, path+older, "older"+older)
				}
			}
			r, err := OpenRotating(path, 100, 3)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			write := func(text string) {
				t.Helper()
				if _, err := r.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			is := func(path, want string) {
				t.Helper()
				if got, err := os.ReadFile(path); string(got) != want {
					t.Errorf("%s has %q, want %q; %v", path, got, want, err)
				}
			}
			long := strings.Repeat("x", 90)
			for range 4 {
				write(long)
			}
			is(path, strings.Repeat(long, 4))
			for _, older := range []string{".1", ".2", ".3"} {
				if path+older != wall {
					is(path+older, "older"+older)
				}
			}
			if _, err := os.Stat(path + ".new"); err == nil && wall != path+".new" {
				t.Error("the new file is left")
			}
			if err := os.RemoveAll(wall); err != nil {
				t.Fatal(err)
			}
			write(long)
			is(path, long)
			is(path+".1", strings.Repeat(long, 4))
			is(path+".2", "older.1")

			// The last step fails: the log comes back.
			if err := r.replaceBy(path + ".gone"); err == nil {
				t.Error("replaced by a file that is not there")
			}
			is(path, long)
			if err := r.replaceBy(path + ".gone"); err == nil {
				t.Error("replaced by a file that is not there")
			}
			is(path, long)
			is(path+".2", strings.Repeat(long, 4))
			is(path+".3", "older.1")
		})
	}
}

// A plate may be called like a server; its log goes like any other. What somebody
// else put into the directory stays.
func TestPruneTakesItsOwn(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	for _, dir := range []string{"workers", "mine"} {
		if err := os.Mkdir(filepath.Join(string(d), dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	goes := []string{d.ExecutionPath(id, "/plates/P"), d.ExecutionPath(id, "/plates/server-7777"), d.WorkerPath(id, "A01", 1)}
	stays := []string{d.ServerPath(7777), d.ServerPath(7777) + ".1", filepath.Join(string(d), "my.log"), filepath.Join(string(d), "mine", "x.log")}
	for _, path := range slices.Concat(goes, stays) {
		add(t, path, "text\n")
	}
	if err := d.Prune(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for i, path := range slices.Concat(goes, stays) {
		if _, err := os.Stat(path); (err == nil) != (i >= len(goes)) {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
}

// Whatever a worker wrote, lines of its execution's log can be read back, with
// the well they are about.
func TestTornWorkerLog(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	x, err := d.OpenExecution(id, "/plates/P")
	if err != nil {
		t.Fatal(err)
	}
	path := d.WorkerPath(id, "A01", 2)
	add(t, path, "NUL \x00 and \xff\xfe\n{\"@message\": 5}\n\n"+strings.Repeat("x", 10<<10)+"\n"+line(1, "WARN", "fine", "pid=1")+"no end")
	if err := x.Append(path, "A01", 2, start); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	files, err := d.Files()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Read(files, Filter{Well: "A01"})
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries, %v: %s", len(entries), err, messages(entries))
	}
	for _, e := range entries {
		if e.Get("attempt") != "2" || len(e.Message) > lineLimit+100 {
			t.Errorf("got %+v", e)
		}
	}
	if err := d.Prune(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if files, err := d.Files(); err != nil || len(files) != 0 {
		t.Errorf("after pruning there are %+v, %v", files, err)
	}
}
