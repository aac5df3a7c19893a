//go:build linux

package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A worker that was taken over is under its time limit although the plate's share
// is away, and with it all that could tell the limit again.
func TestFaultAdoptedWorkerTimesOutWithoutItsPlate(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "1", "--spares", "0")
	plate := plateOf(t, w, 1)
	id := w.Submit(plate, steps("fault_hang", "wells: [A01]"), "--retries", "0", "--set", "timeout=6s", "--set", "grace=1s")
	w.Await(id, "a worker that hangs", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	if err := os.Rename(plate, plate+".away"); err != nil {
		t.Fatal(err)
	}
	w.Serve("--workers", "1", "--spares", "0")
	w.Await(id, "the step it hangs in", func(x message.Execution) bool { return x.Wells[0].Step == "fault" }, nil)
	if !harness.AwaitGone(pid, harness.Patience) {
		t.Fatal("the worker goes on beyond its limit")
	}
	if err := os.Rename(plate+".away", plate); err != nil {
		t.Fatal(err)
	}
	x := w.AwaitEnd(id)
	if x.Status != enums.ExecutionFailed || len(x.Wells) != 1 || x.Wells[0].Reason != string(enums.ReasonTimeout) || x.Wells[0].Attempts != 1 {
		t.Errorf("it ended as %s: %+v", x.Status, x.Wells)
	}
}

// A well that ends while there is no server is told as it was: for as long as it
// ran, with what it used, its last step and how it ended.
func TestFaultEvidenceOfAWellThatEndedUnseen(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	server := w.Serve("--workers", "1", "--spares", "0")
	id := w.Submit(plateOf(t, w, 1), waiting("1", "0"), "--retries", "0")
	w.Await(id, "a waiting worker", nil, started("A01", "fault"))
	pid := pidOf(t, w, "A01")
	server.Kill()
	if !harness.AwaitGone(pid, harness.Patience) {
		t.Fatal("the worker does not end")
	}
	ended := time.Now()
	w.Serve("--workers", "1", "--spares", "0")
	x := w.AwaitEnd(id)
	check(t, w, x, expectation{wells: 1})
	rows := table(t, filepath.Join(x.OutputPath, "joblog.tsv"))
	if len(rows) != 2 {
		t.Fatalf("joblog.tsv has %d lines", len(rows))
	}
	line := map[string]string{}
	for i, name := range rows[0] {
		line[name] = rows[1][i]
	}
	begin, err := time.Parse(time.RFC3339, line["Start"])
	if err != nil {
		t.Fatal(err)
	}
	took, err := time.ParseDuration(line["JobRuntime"] + "s")
	if err != nil {
		t.Fatal(err)
	}
	// The job log has milliseconds.
	if end := begin.Add(took); end.After(ended.Add(2*time.Millisecond)) || took < time.Second {
		t.Errorf("it ended at %s by the job log, and was gone at %s", end, ended)
	}
	if line["Exitval"] != "0" || line["LastStep"] != "fault" || line["CPU"] == "0.000" || line["PeakMemory"] == "0" {
		t.Errorf("the job log has %v", line)
	}
}
