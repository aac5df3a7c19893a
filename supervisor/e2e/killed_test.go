package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// asleep is the nuclei pipeline behind a step that sleeps in the first attempt
// at one well, so that there is time to do something to it.
func asleep(well string) string {
	return strings.Replace(harness.Nuclei, "steps:\n",
		"steps:\n  - name: sleep\n    function: fault_sleep\n    with: {duration: 600, attempts: 1, wells: ["+well+"]}\n", 1)
}

// killWorker waits until the well's worker is in the step, and kills it as
// somebody else would: by the number that ps shows.
func killWorker(t *testing.T, w *harness.World, id, well, step string) {
	t.Helper()
	w.Await(id, well+" in step "+step, nil, func(e *progress.Event) bool {
		return e.GetWell() == well && e.GetStep() == step && e.GetPhase() == string(enums.PhaseStepStarted)
	})
	var tree struct {
		Tree message.Process `json:"tree"`
	}
	w.JSON(&tree, "ps")
	for _, p := range tree.Tree.Children {
		if p.Execution != id || p.Well != well {
			continue
		}
		if p.Step != step || p.Attempt != 1 {
			t.Errorf("ps shows %s at attempt %d in step %q, want 1 in %s", well, p.Attempt, p.Step, step)
		}
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("ps shows no worker of %s: %+v", well, tree.Tree)
}

// A worker that is killed from outside costs its well, told as a signal, and
// nothing else.
func TestKilledWorkerCostsItsWell(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	dir, out := w.Synthesize(plate.Synthesis{Wells: 6}), w.Path("out")
	id := w.Submit(dir, asleep("A02"), "--out", out, "--retries", "0")
	killWorker(t, w, id, "A02", "sleep")
	x := w.AwaitEnd(id)
	v := wellOf(t, x, "A02")
	if x.Status != enums.ExecutionFailed || x.ResultsSummary.Complete != 5 || v.Reason != "signal" || v.Evidence == nil || v.Evidence.Signal != "SIGKILL" {
		t.Errorf("the execution is %s, %+v, the well %+v", x.Status, x.ResultsSummary, v)
	}
	found, log := wells(t, out), attempts(t, out)["A02"]
	for name, r := range found {
		if want := map[bool]string{true: "failed", false: "complete"}[name == "A02"]; r["Status"] != want {
			t.Errorf("%s is %s, want %s", name, r["Status"], want)
		}
	}
	if len(found) != 6 || found["A02"]["ExitReason"] != "signal" || len(log) != 1 || log[0]["Signal"] != "SIGKILL" || log[0]["LastStep"] != "sleep" {
		t.Errorf("%d wells; the killed one: %v, %v", len(found), found["A02"], log)
	}
	says(t, found["A02"]["Error"], "SIGKILL")
}

// With retries the killed well completes in its second attempt, and the tables
// are those of a run in which nothing happened.
func TestKilledWorkerIsRetried(t *testing.T) {
	w := faulty(t)
	w.Serve("--workers", "2")
	dir, out, plain := w.Synthesize(plate.Synthesis{Wells: 6}), w.Path("out"), w.Path("plain")
	id := w.Submit(dir, asleep("A02"), "--out", out, "--retries", "2")
	killWorker(t, w, id, "A02", "sleep")
	if x := w.AwaitEnd(id); x.Status != enums.ExecutionComplete || wellOf(t, x, "A02").Attempts != 2 {
		t.Errorf("the execution is %s, the well %+v", x.Status, wellOf(t, x, "A02"))
	}
	log := attempts(t, out)["A02"]
	if len(log) != 2 || log[0]["Reason"] != "signal" || log[1]["Reason"] != "ok" || log[1]["Attempt"] != "2" {
		t.Errorf("the job log has %v", log)
	}

	w.OK("run", dir, "-p", w.Pipeline(asleep("C07")), "--out", plain)
	for _, name := range []string{"sites.csv", "Nuclei.csv"} {
		if w.Read(filepath.Join(out, name)) != w.Read(filepath.Join(plain, name)) {
			t.Errorf("%s differs from that of a run in which nothing happened", name)
		}
	}
	want := strings.Replace(w.Read(filepath.Join(plain, "wells.csv")), ",A02,complete,1,ok,", ",A02,complete,2,ok,", 1)
	if got := w.Read(filepath.Join(out, "wells.csv")); got != want {
		t.Errorf("wells.csv differs in more than the attempts:\n%s\n%s", got, want)
	}
}
