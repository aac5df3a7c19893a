package logfile

import (
	"os"
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
