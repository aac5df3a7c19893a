package harness

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// A plate runs through a server of the test's own, and nothing is left.
func TestWorld(t *testing.T) {
	t.Parallel()
	w := New(t)
	s := w.Serve("--workers", "2")
	id := w.Submit(w.Plate(), Nuclei)
	x := w.AwaitEnd(id)
	if x.Status != "complete" || len(x.Wells) != 4 {
		t.Fatalf("the execution ended as %s with %d wells", x.Status, len(x.Wells))
	}
	if !strings.HasPrefix(w.Read(x.OutputPath+"/wells.csv"), "Metadata_Plate,Metadata_Well,") {
		t.Error("wells.csv is not there")
	}
	if r := s.Stop(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if left := w.Processes(); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// What runs when a test ends is ended with it.
func TestEndOfWorld(t *testing.T) {
	t.Parallel()
	var pids []int
	dir := ""
	t.Run("world", func(t *testing.T) {
		w := New(t)
		w.Setenv("WELLHOUSE_FAULTS", "1")
		w.Serve("--workers", "2")
		w.AwaitRunning(w.Submit(w.Plate(), Fault("fault_sleep", "duration: 600")))
		pids, dir = w.Processes(), w.Dir
	})
	if len(pids) < 3 {
		t.Errorf("a server and two workers ran as %v", pids)
	}
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is left", dir)
	}
}
