//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// A grandchild in a session of its own that holds standard output and error
// must neither hide the end of the worker nor outlive it.
func TestDoubleForkedGrandchildIsSwept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, code := range []int{0, 5} {
		began := time.Now()
		var record Record
		got := f.Run(context.Background(), f.spec(fmt.Sprintf("A0%d", code), order{Do: "grandchild", Number: code}),
			func(r Record) error { record = r; return nil })
		want := enums.ReasonOK
		if code != 0 {
			want = enums.ReasonPanic
		}
		if got.Reason != want {
			t.Errorf("got %+v", got)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		if left := markers(record.Marker); len(left) > 0 {
			t.Errorf("survivors: %v", left)
		}
	}
}

func TestGrandchildWithoutReaper(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.reaper = false // all of /proc is looked through then
	if got := f.run(f.spec("A01", order{Do: "grandchild"})); got.Reason != enums.ReasonOK {
		t.Errorf("got %+v", got)
	}
	if left := markers(f.prefix); len(left) > 0 {
		t.Errorf("survivors: %v", left)
	}
}

// An orphan that left its group and died before the worker is our zombie, and
// nothing of it tells whose it was.
func TestDeadGrandchildIsReaped(t *testing.T) {
	f := newFixture(t, nil)
	if got := f.run(f.spec("A01", order{Do: "dead grandchild"})); got.Reason != enums.ReasonOK {
		t.Fatalf("got %+v", got)
	}
	for _, pid := range plugin.Orphans() {
		if p, ok := plugin.Look(pid); ok && p.Dead() {
			t.Errorf("zombie left: %+v", p)
		}
	}
}

func TestSweepAfterARestart(t *testing.T) {
	t.Parallel()
	run, err := os.MkdirTemp("", "wh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	prefix := markerPrefix(run)
	start := func(marker string) *exec.Cmd {
		command := exec.Command("/bin/sleep", "600")
		command.Env = []string{plugin.EnvMarker + "=" + marker}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
		return command
	}
	lost := start(prefix + "e0/A01/1/aa")
	live := start(prefix + "e0/A02/1/bb")
	foreign := start("0123456789ab/e0/A01/1/cc")
	for _, dir := range []string{"plugin-dir1", "plugin-dir2"} {
		if err := os.Mkdir(filepath.Join(run, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t, func(o *Options) { o.RunDir, o.Spares = run, 1 })
	f.awaitSpares(1)
	keep := Record{}
	keep.Marker, keep.Socket = prefix+"e0/A02/1/bb", filepath.Join(run, "plugin-dir2", "plugin7")
	if err := f.Sweep([]Record{keep}); err != nil {
		t.Fatal(err)
	}
	if err := lost.Wait(); err == nil {
		t.Error("what was lost still ran")
	}
	for name, command := range map[string]*exec.Cmd{"live": live, "foreign": foreign} {
		if p, ok := plugin.Look(command.Process.Pid); !ok || p.Dead() {
			t.Errorf("%s process was ended", name)
		}
	}
	if _, err := os.Stat(filepath.Join(run, "plugin-dir1")); err == nil {
		t.Error("socket directory was left")
	}
	if err := os.Remove(filepath.Join(run, "plugin-dir2")); err != nil {
		t.Error(err)
	}
	if f.spares.ready() != 1 {
		t.Error("our own spare was swept")
	}
	_ = live.Process.Kill()
	_ = live.Wait()
}

func TestEnvironmentIsMinimal(t *testing.T) {
	t.Setenv("SECRET", "token")
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "say"})
	spec.Threads = 3
	f.run(spec)
	text, err := os.ReadFile(spec.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("GOMAXPROCS=3 HOME=%s SECRET=\"\"", os.Getenv("HOME")); !strings.Contains(string(text), want) {
		t.Errorf("worker saw %q", text)
	}
}

// A thousand crashes must leave the server as it was.
func TestNothingLeaks(t *testing.T) {
	cycles := 200
	if testing.Short() {
		cycles = 40
	}
	f := newFixture(t, nil)
	once := func(n int) {
		task := []order{{Do: "exit", Number: 9}, {}, {Do: "panic"}, {Do: "raise", Number: int(syscall.SIGKILL)}}[n%4]
		spec := f.spec("A01", task)
		spec.Limits.Processes, spec.Limits.Memory = 200, 1<<30
		spec.Attempt = n + 1
		f.run(spec)
	}
	for n := range 8 {
		once(n)
	}
	files, routines := openFiles(t), runtime.NumGoroutine()
	for n := range cycles {
		once(n)
	}
	if now := openFiles(t); now > files+2 {
		t.Errorf("%d open files, %d before", now, files)
	}
	if now := runtime.NumGoroutine(); now > routines+4 {
		t.Errorf("%d goroutines, %d before", now, routines)
	}
	if left := f.groups.leftovers(); len(left) > 0 {
		t.Errorf("control groups left: %v", left)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.workers())+len(f.attempts) > 0 {
		t.Errorf("still known: %v, %v", f.workers(), f.attempts)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Orphans come to the process, not to a runner: none may take the end of
// another's worker for that of an orphan nobody knows.
func TestRunnersOfOneProcessLeaveEachOthersWorkersAlone(t *testing.T) {
	f, other := newFixture(t, nil), newFixture(t, nil)
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				other.reapUnknown()
			}
		}
	})
	for n := range 40 {
		if got := f.run(f.spec(fmt.Sprintf("A%02d", n), order{Do: "exit", Number: 4})); got.ExitCode != 4 {
			t.Fatalf("got %+v", got)
		}
	}
	close(done)
	looking.Wait()
}
