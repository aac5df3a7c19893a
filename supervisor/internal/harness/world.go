package harness

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// Patience bounds every wait. It is long because machines under test are busy;
// nothing that works comes near it.
const Patience = 90 * time.Second

// World is the private place of one test: directories, environment and the
// processes in them.
type World struct {
	tb     testing.TB
	binary string
	Dir    string // everything is below it; its path is short enough for sockets
	Places place.Places
	env    []string

	started []*Process
}

// New makes a world that ends with the test. After Setenv("WELLHOUSE_FAULTS",
// "1") its pipelines may name the functions that fail on purpose.
func New(tb testing.TB) *World {
	tb.Helper()
	return NewWith(tb, Binary(tb))
}

// NewWith is New with another build of the command.
func NewWith(tb testing.TB, binary string) *World {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "wh") // not t.TempDir: a socket's path has 108 bytes at most
	if err != nil {
		tb.Fatal(err)
	}
	w := &World{tb: tb, binary: binary, Dir: dir}
	tb.Cleanup(w.end)
	for _, name := range []string{"home", "state", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TZ=UTC",
		"HOME=" + w.home(), "TMPDIR=" + filepath.Join(dir, "tmp"),
		"XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"),
		"GORACE=exitcode=66 atexit_sleep_ms=0",
	}
	if w.Places, err = place.Find(w.getenv, ""); err != nil {
		tb.Fatal(err)
	}
	return w
}

// home is in the environment of every process of this world and of no other.
func (w *World) home() string { return filepath.Join(w.Dir, "home") }

// Setenv sets a variable for the processes started from here on.
func (w *World) Setenv(name, value string) { w.env = append(w.env, name+"="+value) }

func (w *World) getenv(name string) string {
	for i := len(w.env) - 1; i >= 0; i-- {
		if key, value, _ := strings.Cut(w.env[i], "="); key == name {
			return value
		}
	}
	return ""
}

// Path is a path below the world's directory.
func (w *World) Path(parts ...string) string {
	return filepath.Join(append([]string{w.Dir}, parts...)...)
}

// Write writes a file below the world's directory and returns its path.
func (w *World) Write(name, text string) string {
	w.tb.Helper()
	path := w.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.tb.Fatal(err)
	}
	return path
}

// Read returns the text of a file, below the world's directory unless the path
// is absolute.
func (w *World) Read(name string) string {
	w.tb.Helper()
	if !filepath.IsAbs(name) {
		name = w.Path(name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		w.tb.Fatal(err)
	}
	return string(text)
}

// Context ends with the test, and after Patience.
func (w *World) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	w.tb.Cleanup(cancel)
	return ctx
}

// FreePort is a data port whose control port is free as well.
func (w *World) FreePort() int {
	w.tb.Helper()
	for range 100 {
		data, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			w.tb.Fatal(err)
		}
		port := data.Addr().(*net.TCPAddr).Port
		control, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1000))
		_ = data.Close()
		if err == nil {
			_ = control.Close()
			return port
		}
	}
	w.tb.Fatal("no free pair of ports")
	return 0
}

// end takes the world down and says what should not have been left.
func (w *World) end() {
	for _, p := range w.started {
		if !p.server {
			_ = p.cmd.Process.Kill() // a client that was left running; no error when it has ended
		}
	}
	w.stopServers()
	w.sweep()
	w.findRaces()
	if w.tb.Failed() {
		w.tellLogs()
	}
	if err := os.RemoveAll(w.Dir); err != nil {
		w.tb.Errorf("remove the test's directory: %v", err)
	}
}

// stopServers asks every server that holds a port here to end: through its
// socket, which also cancels what runs, or else, if the test started it, by a signal.
func (w *World) stopServers() {
	locks, _ := filepath.Glob(filepath.Join(w.Places.Run, "wellhouse-*.sock.lock"))
	for _, lock := range locks {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(lock), "wellhouse-"), ".sock.lock")
		port, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		o := client.Options{Places: w.Places, Port: port, Timeout: time.Second}
		holder := client.FindHolder(o)
		if !holder.Held || w.askToEnd(o) {
			continue
		}
		for _, p := range w.started {
			if p.server && p.Pid() == holder.PID {
				_ = p.cmd.Process.Signal(syscall.SIGTERM) // no error when it has ended
			}
		}
	}
}

func (w *World) askToEnd(o client.Options) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := client.Connect(ctx, o)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.Shutdown(ctx, true)
	return err == nil
}

// findRaces fails the test for every log that tells of a data race.
func (w *World) findRaces() {
	w.eachLog(func(path, text string) {
		if strings.Contains(text, "WARNING: DATA RACE") {
			w.tb.Errorf("%s: data race\n%s", filepath.Base(path), tail(text, 100))
		}
	})
}

// tellLogs shows the logs of a test that failed.
func (w *World) tellLogs() {
	w.eachLog(func(path, text string) { w.tb.Logf("%s:\n%s", filepath.Base(path), tail(text, 40)) })
}

func (w *World) eachLog(f func(path, text string)) {
	_ = filepath.WalkDir(w.Places.State, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(entry.Name(), ".log") {
			if text, err := os.ReadFile(path); err == nil {
				f(path, string(text))
			}
		}
		return nil
	})
}

// tail is the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
