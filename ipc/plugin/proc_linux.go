package plugin

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// BootID differs between any two starts of the machine; "" when unknown.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// StartTime returns when the process started, in clock ticks since boot, and
// whether it is dead and only not yet reaped.
func StartTime(pid int) (start uint64, zombie bool, err error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false, fmt.Errorf("read process state: %w", err)
	}
	stat, err := parseStat(line)
	return stat.start, stat.state == 'Z' || stat.state == 'X', err
}

// isChild tells whether the process is to be reaped by us.
func isChild(pid int) bool {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	stat, err := parseStat(line)
	return err == nil && stat.parent == os.Getpid()
}

type stat struct {
	state  byte
	parent int
	start  uint64
}

// parseStat reads state (field 3), parent (4) and start time (22) of proc(5)'s
// stat. The name in field 2 may hold anything, also blanks and parentheses.
func parseStat(line []byte) (stat, error) {
	end := bytes.LastIndexByte(line, ')')
	fields := bytes.Fields(line[end+1:])
	if end < 0 || len(fields) < 20 {
		return stat{}, fmt.Errorf("read process state: malformed line %q", line)
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return stat{}, fmt.Errorf("read process state: %w", err)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("read process state: %w", err)
	}
	return stat{state: fields[0][0], parent: parent, start: start}, nil
}

// HasMarker tells whether the process was started with the marker in its
// environment. Of a process that just ended, or is not ours to look into, the
// answer is no.
func HasMarker(pid int, marker string) bool {
	environment, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	want := []byte(EnvMarker + "=" + marker)
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if bytes.Equal(entry, want) {
			return true
		}
	}
	return false
}

// peakMemory is the highest resident size so far without pages of files, in
// bytes: those are shared with every other worker. 0 when unknown.
func peakMemory(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	return max(0, statusBytes(text, "VmHWM:")-statusBytes(text, "RssFile:"))
}

// statusBytes returns a field of proc(5)'s status in bytes, 0 when missing.
func statusBytes(text []byte, field string) int64 {
	_, rest, found := bytes.Cut(text, []byte("\n"+field))
	if !found {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// takeName lists the process by the name it was called by: one that was executed
// by way of a link in /proc is named after the link.
func takeName() {
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0) // for eyes only
}

// SignalName returns the name as kill(1) has it, such as "SIGKILL".
func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}
