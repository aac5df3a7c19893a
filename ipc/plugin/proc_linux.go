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

// Stat is a process as proc(5)'s stat shows it.
type Stat struct {
	Pid                    int
	State                  byte // 'Z' is dead and not yet reaped
	Parent, Group, Session int
	Start                  uint64 // clock ticks since boot
}

// Dead tells whether the process has ended and is only not yet reaped.
func (s Stat) Dead() bool { return s.State == 'Z' || s.State == 'X' }

// Look returns what a process is now; false when there is none.
func Look(pid int) (Stat, bool) {
	s, err := look(pid)
	return s, err == nil
}

func look(pid int) (Stat, error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, fmt.Errorf("read process state: %w", err)
	}
	s, err := parseStat(line)
	s.Pid = pid
	return s, err
}

// StartTime returns when the process started, in clock ticks since boot, and
// whether it is dead and only not yet reaped.
func StartTime(pid int) (start uint64, zombie bool, err error) {
	s, err := look(pid)
	return s.Start, s.Dead(), err
}

// isChild tells whether the process is to be reaped by us.
func isChild(pid int) bool {
	s, ok := Look(pid)
	return ok && s.Parent == os.Getpid()
}

// parseStat reads state (field 3), parent, group, session (4 to 6) and start time
// (22) of proc(5)'s stat. The name in field 2 may hold anything, also blanks and
// parentheses.
func parseStat(line []byte) (Stat, error) {
	end := bytes.LastIndexByte(line, ')')
	fields := bytes.Fields(line[end+1:])
	if end < 0 || len(fields) < 20 {
		return Stat{}, fmt.Errorf("read process state: malformed line %q", line)
	}
	s := Stat{State: fields[0][0]}
	for i, number := range []*int{&s.Parent, &s.Group, &s.Session} {
		n, err := strconv.Atoi(string(fields[i+1]))
		if err != nil {
			return Stat{}, fmt.Errorf("read process state: %w", err)
		}
		*number = n
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("read process state: %w", err)
	}
	s.Start = start
	return s, nil
}

// HasMarker tells whether the process was started with the marker in its
// environment. Of a process that just ended, or is not ours to look into, the
// answer is no.
func HasMarker(pid int, marker string) bool {
	marked, _ := markedBy(pid, marker)
	return marked
}

// peakMemory is the highest resident size so far without pages of files, in
// bytes: those are shared with every other worker. 0 when unknown.
func peakMemory(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	return max(0, StatusNumber(text, "VmHWM:")-StatusNumber(text, "RssFile:")) << 10
}

// StatusNumber returns the number in a line of proc(5)'s status or smaps_rollup, 0
// when it is missing. Sizes are in KiB.
func StatusNumber(text []byte, field string) int64 {
	_, rest, found := bytes.Cut(text, []byte("\n"+field))
	if !found {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return n
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
