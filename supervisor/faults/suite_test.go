//go:build linux

package faults

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// steps is the pipeline of most tests: it measures, and then a fault has its
// turn, so that there is something to lose. Parameters are those of the fault.
func steps(fault, parameters string) string {
	return harness.Nuclei + "  - name: fault\n    from: pipeline_start\n    function: " + fault + "\n    with: {" + parameters + "}\n"
}

// plateOf is the same small plate of so many wells in every world.
func plateOf(t *testing.T, w *harness.World, wells int) string {
	t.Helper()
	dir := w.Path("plates", "plate")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range images(t, wells) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// drawn are the files of plates by number of wells: drawing them takes long.
var drawn struct {
	sync.Mutex
	plates map[int]map[string][]byte
}

func images(t *testing.T, wells int) map[string][]byte {
	t.Helper()
	drawn.Lock()
	defer drawn.Unlock()
	if known := drawn.plates[wells]; known != nil {
		return known
	}
	dir := filepath.Join(t.TempDir(), "plate")
	err := plate.Synthesize(dir, plate.Synthesis{Name: "plate", Wells: wells, Rows: 1, Columns: 1, Width: 64, Height: 64, Cells: 5})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if drawn.plates == nil {
		drawn.plates = map[int]map[string][]byte{}
	}
	drawn.plates[wells] = files
	return files
}

// want is how a well must end.
type want struct {
	status enums.WellStatus
	reason enums.ExitReason
}

var complete = want{enums.WellComplete, enums.ReasonOK}

// expectation is how an execution must end: its wells, those not named as
// complete, and the tables of the complete ones.
type expectation struct {
	wells int
	named map[string]want
}

func (e expectation) of(well string) want {
	if v, ok := e.named[well]; ok {
		return v
	}
	return complete
}

// references are the tables of plates that nothing happened to, by number of
// wells: what every other run must give for its complete wells.
var references struct {
	sync.Mutex
	tables map[int]map[string][]string
}

// reference returns a table of an undisturbed run, as rows by well.
func reference(t *testing.T, wells int) map[string][]string {
	t.Helper()
	references.Lock()
	defer references.Unlock()
	if known := references.tables[wells]; known != nil {
		return known
	}
	w := failpointWorld(t)
	w.Serve("--workers", "2")
	x := w.AwaitEnd(w.Submit(plateOf(t, w, wells), harness.Nuclei))
	if x.Status != enums.ExecutionComplete {
		t.Fatalf("the undisturbed run ended as %s", x.Status)
	}
	found := byWell(t, x.OutputPath)
	if references.tables == nil {
		references.tables = map[int]map[string][]string{}
	}
	references.tables[wells] = found
	return found
}

// byWell reads the tables of sites and objects: their rows by well.
func byWell(t *testing.T, out string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, name := range []string{"sites.csv", "Nuclei.csv"} {
		for _, row := range table(t, filepath.Join(out, name))[1:] {
			found[row[1]] = append(found[row[1]], name+": "+strings.Join(row, ","))
		}
	}
	return found
}

func table(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	if strings.HasSuffix(path, ".tsv") {
		r.Comma = '\t'
	}
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return all
}

// check holds an ended execution to what must hold, whatever happened to it.
func check(t *testing.T, w *harness.World, x message.Execution, e expectation) {
	t.Helper()
	if problem := examine(t, x, e); problem != "" {
		text, _ := os.ReadFile(filepath.Join(x.OutputPath, "joblog.tsv"))
		t.Errorf("execution %s: %s\n%s", x.ExecutionID, problem, text)
	}
	leftovers(t, w, x)
}

func examine(t *testing.T, x message.Execution, e expectation) string {
	t.Helper()
	status := enums.ExecutionComplete
	for _, v := range e.named {
		if v.status == enums.WellFailed {
			status = enums.ExecutionFailed
		}
	}
	if x.Status != status {
		return fmt.Sprintf("it ended as %s, want %s (error %v)", x.Status, status, text(x.Error))
	}
	if len(x.Wells) != e.wells {
		return fmt.Sprintf("it has %d wells, want %d", len(x.Wells), e.wells)
	}
	seen := map[string]bool{}
	for _, v := range x.Wells {
		if seen[v.Well] {
			return "it has well " + v.Well + " twice"
		}
		seen[v.Well] = true
		if got := (want{v.Status, enums.ExitReason(v.Reason)}); got != e.of(v.Well) {
			return fmt.Sprintf("well %s ended as %+v after %d attempts (%s), want %+v", v.Well, got, v.Attempts, v.Error, e.of(v.Well))
		}
		if v.Evidence == nil && !v.Reused {
			return "well " + v.Well + " has no evidence"
		}
	}
	// The tables: each complete well as in an undisturbed run, no other.
	undisturbed, merged := reference(t, e.wells), byWell(t, x.OutputPath)
	for well := range seen {
		rows := undisturbed[well]
		if e.of(well).status != enums.WellComplete {
			rows = nil
		}
		if !slices.Equal(merged[well], rows) {
			return fmt.Sprintf("well %s has other rows than undisturbed:\n%s\nwant:\n%s", well, strings.Join(merged[well], "\n"), strings.Join(rows, "\n"))
		}
		delete(merged, well)
	}
	if len(merged) > 0 {
		return fmt.Sprintf("the tables have other wells: %v", merged)
	}
	listed := map[string]int{}
	for _, row := range table(t, filepath.Join(x.OutputPath, "wells.csv"))[1:] {
		listed[row[1]]++
		if row[2] != string(e.of(row[1]).status) {
			return fmt.Sprintf("wells.csv has %s as %s", row[1], row[2])
		}
	}
	for well := range seen {
		if listed[well] != 1 {
			return fmt.Sprintf("wells.csv has %s %d times", well, listed[well])
		}
	}
	return ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// gone is how soon nothing of an execution may be left.
const gone = 10 * time.Second

// leftovers fails the test for what an ended execution left behind: processes
// beside the servers, sockets, logs and directories of attempts.
func leftovers(t *testing.T, w *harness.World, x message.Execution) {
	t.Helper()
	deadline := time.Now().Add(gone)
	for _, pid := range w.Processes() {
		if worker(pid) && !harness.AwaitGone(pid, time.Until(deadline)) {
			t.Errorf("execution %s left process %d", x.ExecutionID, pid)
		}
	}
	sum := sha256.Sum256([]byte(w.Places.Workers())) // as package process names its control groups
	groups := "wellhouse-" + hex.EncodeToString(sum[:6]) + "-*-*"
	for _, pattern := range []string{
		filepath.Join("/sys/fs/cgroup", groups), filepath.Join("/sys/fs/cgroup", "*", groups), filepath.Join("/sys/fs/cgroup", "*", "*", "*", groups),
		filepath.Join(w.Places.Workers(), "plugin-dir*"),
		filepath.Join(w.Places.Logs(), "workers", x.ExecutionID+"-*"),
		filepath.Join(x.OutputPath, ".wellhouse", "attempts", x.ExecutionID, "*"),
		filepath.Join(x.OutputPath, ".wellhouse", "merge"),
		filepath.Join(x.OutputPath, ".*.csv*"), filepath.Join(x.OutputPath, ".wellhouse", "*", ".*"),
	} {
		left, _ := filepath.Glob(pattern)
		for len(left) > 0 && time.Now().Before(deadline) { // spares are on their way out
			<-time.After(10 * time.Millisecond)
			left, _ = filepath.Glob(pattern)
		}
		if len(left) > 0 {
			t.Errorf("execution %s left %v", x.ExecutionID, left)
		}
	}
}

// worker tells a worker, or what one started, from a server or client.
func worker(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	return !strings.HasSuffix(words[0], "supervisor") || len(words) > 1 && words[1] == "worker"
}

// started is a condition for Await: a well has begun the step.
func started(well, step string) func(*progress.Event) bool {
	return func(e *progress.Event) bool { return e.GetWell() == well && e.GetStep() == step }
}

// killWorkers kills every worker of the world, but not what the workers started.
func killWorkers(t *testing.T, w *harness.World) {
	t.Helper()
	for _, pid := range w.Processes() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.HasSuffix(strings.TrimRight(string(line), "\x00"), "supervisor\x00worker") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			if !harness.AwaitGone(pid, gone) {
				t.Errorf("worker %d does not die", pid)
			}
		}
	}
}

// apart is a session of its own.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// startTime of a process, as its record has it.
func startTime(pid int) uint64 {
	start, _, _ := plugin.StartTime(pid)
	return start
}
