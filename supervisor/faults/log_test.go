//go:build linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
)

// Whatever a worker writes to its streams, the server's memory stays flat, the
// worker is never held up, and the log is kept to a cap.
func TestFaultLogTorture(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	plate := plateOf(t, w, 6)
	server := w.Serve("--workers", "2", "--spares", "0")
	check(t, w, w.AwaitEnd(w.Submit(plate, harness.Nuclei)), expectation{wells: 6})
	before := resident(t, server.Pid())
	pipeline := harness.Nuclei
	for i, with := range []string{
		"bytes: 1073741824, line: 0, wells: [A01]",                        // one line of 1 GiB
		"bytes: 10485760, line: 10485760, wells: [A02]",                   // a line of 10 MiB
		`bytes: 3000000, line: 16, text: '{"@message": 5}', wells: [A03]`, // panics go-plugin's own reader
		`bytes: 3000000, line: 9, text: "\0ab\0", wells: [A02]`,
		"bytes: 104857600, line: 80, to: stdout, wells: [B01]",
	} {
		pipeline += fmt.Sprintf("  - {name: log%d, from: pipeline_start, function: fault_log, with: {%s}}\n", i, with)
	}
	pipeline += "  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: 2, wells: [B02]}}\n"
	id := w.Submit(plate, pipeline, "--fresh")
	ended := follow(w, id)
	w.Await(id, "a waiting worker", nil, started("B02", "wait"))
	// What no pipeline can say: bytes that are no text at all.
	log := logfile.Dir(w.Places.Logs()).WorkerPath(id, "B02", 1)
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := f.WriteString("\xff\xfe\xc0\x80 \x1b[2J\x00\xed\xa0\x80\r"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := ended()
	if err != nil {
		t.Fatal(err)
	}
	check(t, w, x, expectation{wells: 6})
	if grown := peak(t, server.Pid()) - before; grown > 64<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
	kept := 0
	logs, _ := filepath.Glob(filepath.Join(w.Places.Logs(), "*.log"))
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept += len(text)
		if strings.ContainsRune(string(text), 0) || !valid(text) {
			t.Errorf("%s holds what is no text", filepath.Base(path))
		}
	}
	if kept > 8<<20 {
		t.Errorf("%d MiB of logs were kept", kept>>20)
	}
}

func valid(text []byte) bool { return strings.ToValidUTF8(string(text), "") == string(text) }

// resident and peak are a process's memory now and at its highest, in bytes.
func resident(t *testing.T, pid int) int64 { return status(t, pid, "VmRSS") }
func peak(t *testing.T, pid int) int64     { return status(t, pid, "VmHWM") }

func status(t *testing.T, pid int, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(field + `:\s+(\d+)`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("process %d has no %s", pid, field)
	}
	n, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(field, "Vm") {
		n <<= 10
	}
	return n
}
