//go:build linux

package faults

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Workers that are stopped, and workers that ignore every request to end, are
// noticed within their limit and gone within the grace after it.
func TestFaultStubbornWorkers(t *testing.T) {
	t.Parallel()
	const stall, timeout, grace = 2, 3, 1 // seconds
	for round := range count(1, 10) {
		w := failpointWorld(t)
		w.Setenv("WELLHOUSE_FAULTS", "1")
		plate := plateOf(t, w, 12)
		names := platesWells(t, w, plate)
		stopped, ignoring := names[:5], names[5:10]
		expect := expectation{12, map[string]want{}}
		for i := range 5 {
			expect.named[stopped[i]] = want{enums.WellFailed, enums.ReasonStalled}
			expect.named[ignoring[i]] = want{enums.WellFailed, enums.ReasonTimeout}
		}
		pipeline := steps("fault_hang", "mode: stopped, wells: ["+strings.Join(stopped, ", ")+"]") +
			"  - {name: ignore, from: pipeline_start, function: fault_ignore_stop, with: {wells: [" + strings.Join(ignoring, ", ") + "]}}\n"
		w.Serve("--workers", "6")
		x := w.AwaitEnd(w.Submit(plate, pipeline, "--retries", "0", "--set", fmt.Sprintf("stall=%ds", stall),
			"--set", fmt.Sprintf("timeout=%ds", timeout), "--set", fmt.Sprintf("grace=%ds", grace)))
		check(t, w, x, expect)
		took := runtimes(t, x)
		for i := range 5 {
			if s := took[stopped[i]]; s > stall+grace+slack() {
				t.Errorf("round %d: the stopped worker of %s took %.1f s", round, stopped[i], s)
			}
			if s := took[ignoring[i]]; s < timeout || s > timeout+grace+slack() {
				t.Errorf("round %d: the ignoring worker of %s took %.1f s", round, ignoring[i], s)
			}
		}
	}
}

// slack is the seconds in which an end is to be seen: one where the suite has the
// machine for itself, as in the long run, and more where other tests share it.
func slack() float64 { return float64(count(3, 1)) }

// runtimes are the seconds that the last attempt of each well took.
func runtimes(t *testing.T, x message.Execution) map[string]float64 {
	t.Helper()
	rows := table(t, filepath.Join(x.OutputPath, "joblog.tsv"))
	column := func(name string) int {
		for i, header := range rows[0] {
			if header == name {
				return i
			}
		}
		t.Fatalf("joblog.tsv has no column %s", name)
		return 0
	}
	well, runtime := column("Well"), column("JobRuntime")
	took := map[string]float64{}
	for _, row := range rows[1:] {
		seconds, err := strconv.ParseFloat(row[runtime], 64)
		if err != nil {
			t.Fatal(err)
		}
		took[row[well]] = seconds
	}
	return took
}

// A double-forked grandchild that holds its worker's streams delays nobody and
// survives nobody: not the end of its worker, not its worker's death, not the
// death of the server in between.
func TestFaultGrandchildren(t *testing.T) {
	t.Parallel()
	for range count(1, 25) {
		w := harness.New(t)
		w.Setenv("WELLHOUSE_FAULTS", "1")
		plate := plateOf(t, w, 6)
		names := platesWells(t, w, plate)
		list := func(from, to int) string { return strings.Join(names[from:to], ", ") }
		pipeline := steps("fault_grandchild", "wells: ["+list(0, 5)+"]") +
			"  - {name: apart, from: pipeline_start, function: fault_grandchild, with: {session: true, wells: [" + list(1, 5) + "]}}\n" +
			"  - {name: die, from: pipeline_start, function: fault_signal, with: {signal: 9, wells: [" + list(2, 4) + "], attempts: 1}}\n"
		server := w.Serve("--workers", "2")
		x := w.AwaitEnd(w.Submit(plate, pipeline))
		check(t, w, x, expectation{wells: 6})
		for well, seconds := range runtimes(t, x) {
			if seconds > slack() {
				t.Errorf("the end of %s was seen after %.1f s", well, seconds)
			}
		}
		// The same, and the server dies before the worker does.
		waiting := pipeline + "  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: 1, wells: [" + list(0, 2) + "]}}\n"
		id := w.Submit(plate, waiting, "--fresh")
		ended := follow(w, id)
		w.Await(id, "a waiting worker", nil, started(names[0], "wait"))
		server.Kill()
		server = w.Serve("--workers", "2")
		x, err := ended()
		if err != nil {
			t.Fatal(err)
		}
		check(t, w, x, expectation{wells: 6})
		// And a worker that dies while no server is there.
		id = w.Submit(plate, steps("fault_grandchild", "session: true, wells: ["+list(0, 1)+"]")+
			"  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: 600, attempts: 1, wells: ["+list(0, 1)+"]}}\n", "--fresh", "--workers", "1")
		ended = follow(w, id)
		w.Await(id, "a waiting worker", nil, started(names[0], "wait"))
		server.Kill()
		killWorkers(t, w)
		w.Serve("--workers", "2")
		if x, err = ended(); err != nil {
			t.Fatal(err)
		}
		check(t, w, x, expectation{wells: 6})
	}
}
