//go:build linux

package faults

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Wells that take memory and descriptors without end cost themselves, with the
// cause named.
func TestFaultBombs(t *testing.T) {
	t.Parallel()
	for range count(1, 10) {
		w := bombWorld(t)
		runBombs(t, w, map[string]string{"A01": "limit", "A02": "too many open files"}, steps("fault_memory", "bytes: 1073741824, wells: [A01]")+
			"  - {name: descriptors, from: pipeline_start, function: fault_descriptors, with: {wells: [A02]}}\n")
	}
}

// So do wells that take processes without end, where control groups hold them.
func TestFaultForkBomb(t *testing.T) {
	t.Parallel()
	for range count(1, 10) {
		w := bombWorld(t)
		if !pidsGroup() {
			t.Skip("no control group of processes can be made here, in v1 or v2")
		}
		runBombs(t, w, map[string]string{"A03": "temporarily unavailable (reached its limit of 64 processes"}, steps("fault_fork", "wells: [A03]"))
	}
}

// bombWorld has a server without a race detector, which does not fit into the limit.
func bombWorld(t *testing.T) *harness.World {
	t.Helper()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "3")
	return w
}

// runBombs runs a plate whose named wells must fail, and say so; the one that
// runs out of memory is tried once more, with more room.
func runBombs(t *testing.T, w *harness.World, says map[string]string, pipeline string) {
	t.Helper()
	expect := expectation{6, map[string]want{}}
	for well := range says {
		expect.named[well] = want{enums.WellFailed, enums.ReasonFunctionError}
	}
	if _, memory := says["A01"]; memory {
		expect.named["A01"] = want{enums.WellFailed, enums.ReasonOutOfMemory}
	}
	x := w.AwaitEnd(w.Submit(plateOf(t, w, 6), pipeline, "--retries", "1", "--set", "memory=128MiB", "--set", "processes=64"))
	check(t, w, x, expect)
	for _, v := range x.Wells {
		if !strings.Contains(v.Error, says[v.Well]) {
			t.Errorf("well %s says %q, and not %q", v.Well, v.Error, says[v.Well])
		}
		if v.Well == "A01" && says["A01"] != "" && v.Attempts != 2 {
			t.Errorf("the well that ran out of memory took %d attempts", v.Attempts)
		}
	}
}

// pidsGroup tells whether a server that we started, and that is up, can make
// control groups of processes: beside us, in v1, or in v2 when it has (or had)
// the controller handed down.
func pidsGroup() bool {
	text, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return false
	}
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		line := strings.SplitN(lines.Text(), ":", 3)
		mount := "/sys/fs/cgroup"
		switch {
		case line[1] == "pids":
			mount += "/pids"
		case line[1] != "":
			continue
		}
		probe := filepath.Join(mount, strings.TrimSuffix(line[2], "/wellhouse-server"), "wellhouse-fault-probe")
		if os.Mkdir(probe, 0o755) != nil {
			continue
		}
		_, err := os.Stat(filepath.Join(probe, "pids.max"))
		if os.Remove(probe) == nil && err == nil {
			return true
		}
	}
	return false
}
