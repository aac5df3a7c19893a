//go:build linux

package faults

import (
	"os"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Wells that take memory, descriptors and processes without end cost themselves,
// with the cause named.
func TestFaultBombs(t *testing.T) {
	t.Parallel()
	for range count(1, 10) {
		w := failpointWorld(t) // a race detector does not fit into the limit
		w.Setenv("WELLHOUSE_FAULTS", "1")
		plate := plateOf(t, w, 6)
		pipeline := steps("fault_memory", "bytes: 1073741824, wells: [A01]") +
			"  - {name: descriptors, from: pipeline_start, function: fault_descriptors, with: {wells: [A02]}}\n"
		expect := expectation{6, map[string]want{
			"A01": {enums.WellFailed, enums.ReasonOutOfMemory}, "A02": {enums.WellFailed, enums.ReasonFunctionError},
		}}
		says := map[string]string{"A01": "limit", "A02": "too many open files"}
		if pidsGroup() {
			pipeline += "  - {name: fork, from: pipeline_start, function: fault_fork, with: {wells: [A03]}}\n"
			expect.named["A03"], says["A03"] = want{enums.WellFailed, enums.ReasonFunctionError}, "temporarily unavailable"
		}
		w.Serve("--workers", "3")
		x := w.AwaitEnd(w.Submit(plate, pipeline, "--retries", "1", "--set", "memory=128MiB", "--set", "processes=64"))
		check(t, w, x, expect)
		for _, v := range x.Wells {
			if !strings.Contains(v.Error, says[v.Well]) {
				t.Errorf("well %s says %q, and not %q", v.Well, v.Error, says[v.Well])
			}
			if v.Well == "A01" && v.Attempts != 2 { // once more, with more room
				t.Errorf("the well that ran out of memory took %d attempts", v.Attempts)
			}
		}
	}
}

// pidsGroup tells whether control groups of processes can be made here.
func pidsGroup() bool {
	const probe = "/sys/fs/cgroup/pids/wellhouse-fault-probe"
	if os.Mkdir(probe, 0o755) != nil {
		return false
	}
	_, err := os.Stat(probe + "/pids.max")
	return os.Remove(probe) == nil && err == nil
}
