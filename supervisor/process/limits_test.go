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

// Both with control groups, where this machine has them for us, and without.
func eachWay(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Run("groups", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, nil)
		if f.groups.unified == "" && f.groups.memory == "" {
			t.Skip("control groups are not writable here")
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
	eachWay(t, func(t *testing.T, f *fixture) {
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

func TestProcessLimit(t *testing.T) {
	eachWay(t, func(t *testing.T, f *fixture) {
		spec := f.spec("A01", order{Do: "children", Number: 150, For: time.Minute})
		spec.Limits.Processes = 80
		got := f.run(spec)
		named := got.Reason == enums.ReasonFunctionError && strings.Contains(got.Error, "unavailable") ||
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

func TestOwnGroups(t *testing.T) {
	t.Parallel()
	v1, v2 := ownGroups("4:memory:/user/a\n3:cpu,cpuacct:/\n0::/init.scope\n", `
22 20 0:20 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
23 20 0:21 /user /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory
24 20 0:22 /other /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
nonsense
`)
	if v2 != "/sys/fs/cgroup/unified/init.scope" || v1["memory"] != "/sys/fs/cgroup/memory/a" || v1["cpu"] != "" {
		t.Errorf("got %v, %q", v1, v2)
	}
}
