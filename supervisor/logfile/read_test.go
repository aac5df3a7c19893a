package logfile

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const id = "0123abcd-4567-89ab-cdef-0123456789ab"

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// line is one of slog's, s seconds after the start.
func line(s float64, level, message, more string) string {
	at := start.Add(time.Duration(s * float64(time.Second))).Format("2006-01-02T15:04:05.000Z07:00")
	return fmt.Sprintf("time=%s level=%s msg=%q %s\n", at, level, message, more)
}

func add(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func messages(entries []Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Source+":"+e.Message)
	}
	return strings.Join(all, " ")
}

func TestParse(t *testing.T) {
	t.Parallel()
	e := parse(`time=2026-01-02T03:04:05.678Z level=WARN msg="well ended" well=A02 error="it said \"no\"\n" empty="" well=A02 well=A03`, start)
	if !e.Time.Equal(start.Add(678*time.Millisecond)) || e.Level != slog.LevelWarn || e.Message != "well ended" ||
		e.Get("error") != "it said \"no\"\n" || e.Get("well") != "A03" || len(e.Attrs) != 4 {
		t.Errorf("got %+v", e)
	}
	for _, text := range []string{
		"panic: runtime error", "goroutine 1 [running]:", "time=now level=INFO msg=x", "time=2026-01-02T03:04:05Z level=LOUD msg=x",
		`time=2026-01-02T03:04:05Z level=INFO msg="x`, "time=2026-01-02T03:04:05Z msg=x level=INFO", "=", "a=", "a=b", " ", `"=x`,
	} {
		if e := parse(text, start); e.Message != text || !e.Time.Equal(start) || e.Level != slog.LevelInfo || e.Attrs != nil {
			t.Errorf("%q gives %+v", text, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(line(1, "INFO", "a", `well=A01 x="y z"`))
	f.Add("panic: x")
	f.Add(`time=2026-01-02T03:04:05Z level=INFO msg=x "k`)
	f.Fuzz(func(t *testing.T, text string) {
		e := parse(text, start)
		if e.Raw != text || e.Time.IsZero() {
			t.Errorf("%q gives %+v", text, e)
		}
	})
}

func TestNamesOfFiles(t *testing.T) {
	t.Parallel()
	d := Dir("/logs")
	for name, want := range map[string]File{
		"server-7777.log":        {Kind: KindServer, Port: 7777},
		"server-7777.log.2":      {Kind: KindServer, Port: 7777, Aside: 2},
		"server-" + id + ".log":  {Kind: KindExecution, Execution: id}, // a plate called "server"
		"a.log-b-" + id + ".log": {Kind: KindExecution, Execution: id},
		"server-start.log":       {},
		"server-7777.log.x":      {},
		"P1-" + id + ".log.1":    {},
		"P1-0123abcd.log":        {},
		"server-12345678.log":    {},
		"P1-0123.log":            {},
		"something.txt":          {},
		".log":                   {},
		"":                       {},
		"server-99999999.log.1":  {},
	} {
		got, ok := identify(name, false)
		if ok != (want.Kind != "") || ok && got != want {
			t.Errorf("%s gives %+v, %t", name, got, ok)
		}
	}
	for path, want := range map[string]File{
		d.ServerPath(7777):                                      {Kind: KindServer, Port: 7777},
		d.ExecutionPath(id, "/p/My plate"):                      {Kind: KindExecution, Execution: id},
		d.ExecutionPath(id, "/p/server-12"):                     {Kind: KindExecution, Execution: id},
		d.ExecutionPath(id, "/p/"+strings.Repeat("plate", 100)): {Kind: KindExecution, Execution: id},
		d.WorkerPath(id, "A01", 3):                              {Kind: KindWorker, Execution: id, Well: "A01", Attempt: 3},
	} {
		name := filepath.Base(path)
		if got, ok := identify(name, want.Kind == KindWorker); !ok || got != want || len(name) > 255 {
			t.Errorf("%s gives %+v, %t", path, got, ok)
		}
	}
	execution := File{Kind: KindExecution, Path: d.ExecutionPath(id, "/p/My plate"), Execution: id}
	if got := execution.Name(); got != "My_plate-0123abcd" {
		t.Errorf("it is called %q", got)
	}
	for _, name := range []string{id + "-A01.log", "A01.1.log", "0123abcd-A01.1.log", id + "-.1.log", id + "-A01.x.log", id + "-A01.1.txt"} {
		if got, ok := identify(name, true); ok {
			t.Errorf("%s gives %+v", name, got)
		}
	}
}

func TestExecutionsDoNotShareLogs(t *testing.T) {
	t.Parallel()
	const other = "0123abcd-4567-89ab-cdef-0123456789ac"
	d := Dir("/logs")
	if d.ExecutionPath(id, "/p") == d.ExecutionPath(other, "/p") || d.WorkerPath(id, "A01", 1) == d.WorkerPath(other, "A01", 1) {
		t.Error("executions whose ids begin alike share a log")
	}
}

func TestReadMergesAndFilters(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	add(t, d.ServerPath(7777), line(3, "INFO", "s3", "")+line(4, "ERROR", "s4", "well=A01"))
	add(t, d.ServerPath(7777)+".1", line(1, "INFO", "s1", "")+"no line of slog's \xff\n")
	add(t, d.ExecutionPath(id, "/plates/P"), line(2, "DEBUG", "e2", "well=A01 attempt=1")+line(5, "INFO", "e5", "well=A02 attempt=1"))
	add(t, d.WorkerPath(id, "A03", 1), line(2.5, "INFO", "w2", "")+"panic: no end of line")
	files, err := d.Files()
	if err != nil || len(files) != 4 {
		t.Fatalf("files are %+v, %v", files, err)
	}
	for want, filter := range map[string]Filter{
		"server-7777:s1 server-7777:no line of slog's � P-0123abcd:e2 A03#1:w2 A03#1:panic: no end of line server-7777:s3 server-7777:s4 P-0123abcd:e5": {},
		"server-7777:s4":                       {Level: slog.LevelWarn},
		"P-0123abcd:e2 server-7777:s4":         {Well: "A01"},
		"A03#1:w2 A03#1:panic: no end of line": {Well: "a03"},
		"A03#1:panic: no end of line":          {Grep: regexp.MustCompile("^panic")},
		"server-7777:s4 P-0123abcd:e5":         {Grep: regexp.MustCompile("s4|e5"), Level: slog.LevelInfo},
		"":                                     {Well: "H12"},
	} {
		entries, err := Read(files, filter)
		if got := messages(entries); err != nil || got != want {
			t.Errorf("%+v gives\n%s\nwant\n%s\n%v", filter, got, want, err)
		}
	}
	if err := os.Remove(d.WorkerPath(id, "A03", 1)); err != nil { // folded meanwhile
		t.Fatal(err)
	}
	if _, err := Read(files, Filter{}); err != nil {
		t.Error(err)
	}
}

// A log is followed through growing, rotation, new files and folding.
func TestFollow(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	server, execution, worker := d.ServerPath(7777), d.ExecutionPath(id, "/plates/P"), d.WorkerPath(id, "A01", 1)
	f := NewFollow(d.Files, Filter{})
	next := func(want string) {
		t.Helper()
		entries, err := f.Next()
		if got := messages(entries); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	next("")
	add(t, server, line(1, "INFO", "s1", "")+strings.TrimSuffix(line(2, "INFO", "s2", ""), "\n"))
	next("server-7777:s1")
	add(t, server, "\n")
	next("server-7777:s2")
	next("")

	// Rotation: what was written before it and after it, each once.
	add(t, server, line(3, "INFO", "s3", ""))
	if err := os.Rename(server, server+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, server, line(4, "INFO", "s4", ""))
	next("server-7777:s3 server-7777:s4")

	// A worker's lines come again in the execution's log.
	add(t, worker, line(5, "INFO", "same", "pid=1")+line(5, "INFO", "same", "pid=1")+"panic: x\n")
	next("A01#1:same A01#1:same A01#1:panic: x")
	folded := "well=A01 attempt=1"
	add(t, execution, line(5, "INFO", "same", "pid=1 "+folded)+line(5, "INFO", "same", "pid=1 "+folded)+line(6, "INFO", "panic: x", folded)+
		line(6, "INFO", "late", folded)+line(7, "WARN", "well ended", "pid=1 "+folded))
	next("P-0123abcd:late P-0123abcd:well ended")
	add(t, worker, line(6, "INFO", "late", "pid=1")) // shown, though it is read only now
	next("")
	if err := os.Remove(worker); err != nil {
		t.Fatal(err)
	}
	next("")
	add(t, execution, line(8, "INFO", "same", "pid=1 "+folded)) // another attempt's, were it not for the number
	next("P-0123abcd:same")

	// The other way round: the worker's line is read after its copy.
	worker, folded = d.WorkerPath(id, "A01", 2), "well=A01 attempt=2"
	add(t, worker, line(9, "INFO", "a", ""))
	next("A01#2:a")
	add(t, execution, line(9, "INFO", "a", folded)+line(10, "INFO", "b", folded))
	next("P-0123abcd:b")
	add(t, worker, line(10, "INFO", "b", "")+line(11, "INFO", "c", ""))
	next("A01#2:c")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
