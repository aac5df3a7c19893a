//go:build linux

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

// Thousands of workers crash, and the server is as large as after the first: its
// descriptors, goroutines, threads and memory.
func TestFaultCrashesLeaveTheServerFlat(t *testing.T) {
	t.Parallel()
	const wells = 50
	reference(t, wells)
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Setenv("WELLHOUSE_FAILPOINT_DIR", w.Path())
	server := w.Serve("--workers", "4")
	plate := plateOf(t, w, wells)
	expect := expectation{wells, map[string]want{}}
	crashing := platesWells(t, w, plate)[:40]
	for _, well := range crashing {
		expect.named[well] = want{enums.WellFailed, enums.ReasonSignal}
	}
	pipeline := steps("fault_signal", "signal: 9, wells: ["+strings.Join(crashing, ", ")+"]")
	type size struct{ files, threads, goroutines, memory int64 }
	look := func() size {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", server.Pid()))
		if err != nil {
			t.Fatal(err)
		}
		text := w.Read("goroutines")
		goroutines, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return size{int64(len(files)), status(t, server.Pid(), "Threads"), goroutines, resident(t, server.Pid())}
	}
	c, cycles, again, retries := w.Client(), 0, false, 1 // one client: each is a connection
	round := func() {
		accepted, err := c.Submit(w.Context(), message.Execute{PlateID: plate, PipelineCode: pipeline, Resume: &again, Retries: &retries})
		if err != nil {
			t.Fatal(err)
		}
		x, err := c.Follow(w.Context(), accepted.ExecutionID, client.Follower{})
		if err != nil {
			t.Fatal(err)
		}
		if problem := examine(t, x, expect); problem != "" {
			t.Fatal(problem)
		}
		cycles += 2 * len(crashing)
	}
	// The last plates are kept for whoever asks: it is full-grown when it has them all.
	for range count(1, 70) {
		round()
	}
	first, before := look(), cycles
	for cycles < count(200, 10_000) {
		round()
		if cycles%2000 == 0 {
			t.Logf("after %d crashes: %+v", cycles, look())
		}
	}
	last := look()
	t.Logf("after %d crashes: %+v, after the first %d: %+v", cycles, last, before, first)
	if last.files > first.files+4 || last.goroutines > first.goroutines+8 || last.threads > first.threads+6 || last.memory > first.memory*5/4+16<<20 {
		t.Errorf("the server grew from %+v to %+v in %d crashes", first, last, cycles)
	}
}
