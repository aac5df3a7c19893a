package plugin

import (
	"errors"
	"os/exec"
	"testing"
)

// A record is of one process: whatever differs, it is not that one.
func TestRecordIsOfOneProcess(t *testing.T) {
	t.Parallel()
	sleeper := exec.Command("/bin/sleep", "600")
	sleeper.Env = []string{EnvMarker + "=ours/e1/A01/1"}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	start, _, err := StartTime(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	record := Record{Pid: sleeper.Process.Pid, StartTime: start, BootID: BootID(), Marker: "ours/e1/A01/1"}
	if err := record.Alive(); err != nil {
		t.Fatalf("it lives: %v", err)
	}
	for name, change := range map[string]func(*Record){
		"start time":    func(r *Record) { r.StartTime++ },
		"no start time": func(r *Record) { r.StartTime = 0 },
		"boot":          func(r *Record) { r.BootID = "another" },
		"marker":        func(r *Record) { r.Marker = "ours/e1/A01/2" },
		"no marker":     func(r *Record) { r.Marker = "" },
	} {
		other := record
		change(&other)
		if err := other.Alive(); !errors.Is(err, ErrNotRunning) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}
