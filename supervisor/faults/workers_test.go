//go:build linux

package faults

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// death is a way for a worker to die, and what is on record of it.
type death struct {
	function, with string
	reason         enums.ExitReason
	code           int
	signal         string
	outside        syscall.Signal // sent by the test while the worker waits
}

var deaths = []death{
	{function: "fault_panic", reason: enums.ReasonPanic, code: 2},
	{function: "fault_exit", with: "code: 5", reason: enums.ReasonPanic, code: 5},
	{function: "fault_exit", with: "code: 2", reason: enums.ReasonPanic, code: 2},
	{function: "fault_segfault", reason: enums.ReasonSignal, code: 2, signal: "SIGSEGV"},
	{function: "fault_abort", reason: enums.ReasonSignal, code: 2, signal: "SIGABRT"},
	{function: "fault_signal", with: "signal: 9", reason: enums.ReasonSignal, code: -1, signal: "SIGKILL"},
	{function: "fault_sleep", with: "duration: 600", reason: enums.ReasonSignal, code: -1, signal: "SIGKILL", outside: syscall.SIGKILL},
	{function: "fault_sleep", with: "duration: 600", reason: enums.ReasonSignal, code: 2, signal: "SIGSEGV", outside: syscall.SIGSEGV},
	{function: "fault_sleep", with: "duration: 600", reason: enums.ReasonSignal, code: 2, signal: "SIGABRT", outside: syscall.SIGABRT},
	{function: "fault_sleep", with: "duration: 600", reason: enums.ReasonSignal, code: 2, signal: "SIGQUIT", outside: syscall.SIGQUIT},
}

// Workers die in every way, some for good and some only at the first attempt: the
// reason is right, and the wells beside them are unharmed.
func TestFaultWorkersDie(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	const wells = 72
	reference(t, wells)
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	plate := plateOf(t, w, wells)
	names := platesWells(t, w, plate)
	w.Serve("--workers", "4")
	for left := count(50, 2000); left > 0 && !t.Failed(); left -= 50 {
		expect := expectation{wells, map[string]want{}}
		how, forGood := map[string]death{}, map[string]bool{}
		hits := [2]map[int][]string{{}, {}} // by attempts hit and way to die
		for _, i := range rng.Perm(wells)[:50] {
			well, kind := names[i], rng.IntN(len(deaths))
			how[well], forGood[well] = deaths[kind], rng.IntN(4) == 0
			if forGood[well] {
				expect.named[well] = want{enums.WellFailed, deaths[kind].reason}
				hits[0][kind] = append(hits[0][kind], well)
			} else {
				hits[1][kind] = append(hits[1][kind], well)
			}
		}
		pipeline := harness.Nuclei
		for attempts, kinds := range hits {
			for kind := range deaths {
				if hit := kinds[kind]; len(hit) > 0 {
					pipeline += fmt.Sprintf("  - {name: die-%d-%d, from: pipeline_start, function: %s, with: {wells: [%s], attempts: %d%s}}\n",
						attempts, kind, deaths[kind].function, strings.Join(hit, ", "), attempts, more(deaths[kind].with))
				}
			}
		}
		x := killing(t, w, w.Submit(plate, pipeline, "--fresh", "--retries", "1"), how, forGood)
		check(t, w, x, expect)
		for _, v := range x.Wells {
			d, died := how[v.Well]
			attempts := 1
			if died {
				attempts = 2
			}
			if v.Attempts != attempts {
				t.Errorf("well %s (%+v) took %d attempts", v.Well, d, v.Attempts)
			}
			if e := v.Evidence; forGood[v.Well] && (e.ExitCode != d.code || e.Signal != d.signal || v.Error == "" || e.CPU == 0) { // its memory is known when it lived long enough to be looked at
				t.Errorf("well %s (%+v) has evidence %+v", v.Well, d, e)
			}
		}
	}
}

func more(with string) string {
	if with == "" {
		return ""
	}
	return ", " + with
}

// platesWells are the names of a plate's wells.
func platesWells(t *testing.T, w *harness.World, plate string) []string {
	t.Helper()
	var inspected struct {
		Wells []string `json:"wells"`
	}
	w.JSON(&inspected, "plate", "inspect", plate)
	if len(inspected.Wells) == 0 {
		t.Fatal("the plate has no wells")
	}
	return inspected.Wells
}

// killing follows an execution to its end and sends signals to the workers that
// wait for them.
func killing(t *testing.T, w *harness.World, id string, how map[string]death, forGood map[string]bool) message.Execution {
	t.Helper()
	c := w.Client()
	var once sync.Map
	kill := func(well string, attempt, pid int) {
		d, ok := how[well]
		if !ok || d.outside == 0 || pid == 0 || attempt > 1 && !forGood[well] {
			return
		}
		if _, sent := once.LoadOrStore(fmt.Sprint(well, attempt), true); !sent && ofWorld(w, pid) {
			_ = syscall.Kill(pid, d.outside)
		}
	}
	x, err := c.Follow(w.Context(), id, client.Follower{Event: func(e *progress.Event) {
		if e.GetPhase() == "step_started" && strings.HasPrefix(e.GetStep(), "die-") {
			kill(e.GetWell(), int(e.GetAttempt()), int(e.GetPid()))
		}
	}, Status: func(message.Execution) { // an event may be lost
		var tree message.PsReply
		if c.Call(w.Context(), message.Ps{}, &tree) != nil {
			return
		}
		for _, p := range tree.Tree.Children {
			if strings.HasPrefix(p.Step, "die-") {
				kill(p.Well, p.Attempt, p.PID)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// ofWorld tells whether a process is one of the test's.
func ofWorld(w *harness.World, pid int) bool {
	for _, own := range w.Processes() {
		if own == pid {
			return true
		}
	}
	return false
}
