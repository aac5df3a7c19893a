//go:build linux

package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func memoryGroups(m groupMaker) string { return m.memory }
func pidsGroups(m groupMaker) string   { return m.pids }

// Both with control groups, where this machine has them for us, and without.
func eachWay(t *testing.T, groups func(groupMaker) string, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("groups", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, nil)
		if groups(f.groups) == "" {
			t.Skip("no control groups with this limit can be made here, in v1 or v2")
		}
		test(t, f)
		if left := f.groups.leftovers(); len(left) > 0 {
			t.Errorf("control groups left: %v", left)
		}
	})
	t.Run("no groups", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, nil)
		f.groups = groupMaker{}
		test(t, f)
	})
}

func TestMemoryLimit(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs more memory than the limit")
	}
	eachWay(t, memoryGroups, func(t *testing.T, f *fixture) {
		spec := f.spec("A01", order{Do: "memory"})
		spec.Limits.Memory = 200 << 20
		got := f.run(spec)
		if got.Reason != enums.ReasonOutOfMemory || !strings.Contains(got.Error, "200 MiB") {
			t.Errorf("got %+v", got)
		}
		sibling := f.spec("A02", order{})
		sibling.Limits.Memory = 200 << 20
		if got := f.run(sibling); got.Reason != enums.ReasonOK || got.PeakMemory > 100<<20 {
			t.Errorf("sibling: %+v", got)
		}
	})
}

// The kernel's own count decides, whichever process of the attempt it took.
func TestKernelKillsForMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs more memory than the limit")
	}
	for _, do := range []string{"memory", "greedy child"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(o *Options) { o.Look = time.Minute }) // the kernel is first
			if f.groups.memory == "" {
				t.Skip("no control groups of memory can be made here, in v1 or v2")
			}
			spec := f.spec("A01", order{Do: do})
			spec.Limits.Memory = 200 << 20
			got := f.run(spec)
			if got.Reason != enums.ReasonOutOfMemory || !strings.Contains(got.Error, "killed by the kernel for memory (limit 200 MiB)") {
				t.Errorf("got %+v", got)
			}
			if f.groups.memory == f.groups.unified && got.Signal != "SIGKILL" {
				t.Errorf("the worker was left when the kernel took its child: %+v", got)
			}
			if left := f.groups.leftovers(); len(left) > 0 {
				t.Errorf("control groups left: %v", left)
			}
		})
	}
}

// A limit that is too small for a worker to start is the well's, and named: the
// machine's starts are not at fault.
func TestKernelKillsForMemoryAtTheStart(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector gives up for the limit of data before the kernel kills")
	}
	t.Parallel()
	f := newFixture(t, nil)
	if f.groups.memory == "" {
		t.Skip("no control groups of memory can be made here, in v1 or v2")
	}
	spec := f.spec("A01", order{})
	spec.Limits.Memory = 4 << 10
	if got := f.run(spec); got.Reason != enums.ReasonOutOfMemory || !strings.Contains(got.Error, "limit 0 MiB") {
		t.Errorf("got %+v", got)
	}
}

func TestTooFewProcessesToStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if f.groups.pids == "" {
		t.Skip("no control groups of processes can be made here, in v1 or v2")
	}
	spec := f.spec("A01", order{})
	spec.Limits.Processes = 1
	// It may have had its threads before the limit.
	if got := f.run(spec); got.Reason == enums.ReasonStartFailed && !strings.Contains(got.Error, "limit of 1 processes") {
		t.Errorf("got %+v", got)
	}
}

func TestProcessLimit(t *testing.T) {
	eachWay(t, pidsGroups, func(t *testing.T, f *fixture) {
		spec := f.spec("A01", order{Do: "children", Number: 150, For: time.Minute})
		spec.Limits.Processes = 80
		got := f.run(spec)
		atLimit := f.groups.pids == "" || strings.Contains(got.Error, "reached its limit of 80 processes")
		named := got.Reason == enums.ReasonFunctionError && strings.Contains(got.Error, "unavailable") && atLimit ||
			got.Reason == enums.ReasonSignal && strings.Contains(got.Error, "limit 80") ||
			got.Reason == enums.ReasonPanic && strings.Contains(got.Error, "thread")
		if !named {
			t.Errorf("got %+v", got)
		}
	})
}

// A worker's peak is what it has to give back; the pages of its binary are not.
func TestPeakMemoryLeavesOutPagesOfFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "resident"})
	got := f.run(spec)
	text, err := os.ReadFile(filepath.Join(spec.Directory, "resident"))
	if err != nil {
		t.Fatal(err)
	}
	resident, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got.PeakMemory <= 0 || got.PeakMemory >= resident {
		t.Errorf("peak %d, of %d resident with the binary's pages", got.PeakMemory, resident)
	}
}

func TestMemoryOfChildrenCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	alone := f.run(f.spec("A01", order{Do: "sleep", For: 300 * time.Millisecond}))
	with := f.run(f.spec("A02", order{Do: "children", Number: 3, For: 300 * time.Millisecond}))
	if alone.PeakMemory <= 0 || with.PeakMemory <= 0 {
		t.Errorf("peaks %d and %d", alone.PeakMemory, with.PeakMemory)
	}
	if alone.Reason != enums.ReasonOK || with.Reason != enums.ReasonOK {
		t.Errorf("got %s and %s (%s)", alone.Reason, with.Reason, with.Error)
	}
}
