//go:build linux

package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

func (f *fixture) awaitSpares(n int) {
	f.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for f.spares.ready() != n {
		if time.Now().After(deadline) {
			f.t.Fatalf("%d spares, want %d", f.spares.ready(), n)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // spares tell nobody that they wait
	}
}

func TestSpareTakesOneTask(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *Options) { o.Spares = 2 })
	f.awaitSpares(2)
	spec := f.spec("A01", order{Do: "say"})
	spec.Limits.OpenFiles, spec.Threads = 64, 2
	var record Record
	got := f.Run(context.Background(), spec, func(r Record) error { record = r; return nil })
	if got.Reason != enums.ReasonOK || !strings.Contains(record.Marker, "/spare/") && !strings.Contains(record.Marker, "spare") {
		t.Errorf("got %+v with %+v", got, record)
	}
	text, _ := os.ReadFile(spec.LogPath)
	if !strings.Contains(string(text), "GOMAXPROCS=2") {
		t.Errorf("log is %q", text)
	}
	f.awaitSpares(2)
	var all sync.WaitGroup
	for _, well := range []string{"B01", "B02", "B03", "B04", "B05"} {
		all.Go(func() {
			if got := f.run(f.spec(well, order{Do: "panic"})); got.Reason != enums.ReasonPanic || !strings.HasPrefix(got.LogTail[0], "panic:") {
				t.Errorf("%s: got %+v", well, got)
			}
		})
	}
	all.Wait()
	f.awaitSpares(2)
	f.SetSpares(0)
	f.awaitSpares(0)
}

func TestSpareOfAnotherBuildIsDiscarded(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "worker")
	if err := os.Symlink(self, binary); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(o *Options) { o.Spares, o.Binary = 1, binary })
	f.awaitSpares(1)
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, text, 0o700); err != nil {
		t.Fatal(err)
	}
	var record Record
	f.Run(context.Background(), f.spec("A01", order{}), func(r Record) error { record = r; return nil })
	if strings.Contains(record.Marker, "spare") {
		t.Error("the old build was used")
	}
}

func TestSpareThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *Options) { o.Spares = 1 })
	f.awaitSpares(1)
	f.spares.mu.Lock()
	pid := f.spares.idle[0].worker.Pid()
	f.spares.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for p, ok := plugin.Look(pid); ok && !p.Dead(); p, ok = plugin.Look(pid) {
		time.Sleep(time.Millisecond) //nolint:forbidigo // it is reaped by somebody else
	}
	if got := f.run(f.spec("A01", order{})); got.Reason != enums.ReasonOK {
		t.Errorf("got %+v", got)
	}
	f.awaitSpares(1)
}
