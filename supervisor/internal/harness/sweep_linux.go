package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// endPatience is how long a world's processes may take to end by themselves
// when the test is over.
const endPatience = 40 * time.Second

// Processes are the pids of this world's live processes, whoever started them.
func (w *World) Processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		w.tb.Fatal(err)
	}
	want := []byte("HOME=" + w.home() + "\x00")
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // empty for a zombie
		if err == nil && bytes.Contains(append(environment, 0), want) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// AwaitGone waits until a process has ended; true when it has.
func AwaitGone(pid int, patience time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	for end := time.Now().Add(patience); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(end).Milliseconds())))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// sweep waits for the world's processes to end, and fails the test and kills
// those that do not.
func (w *World) sweep() {
	end := time.Now().Add(endPatience)
	for {
		pids := w.Processes()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			if AwaitGone(pid, time.Until(end)) {
				continue
			}
			w.tb.Errorf("left behind: process %d: %s", pid, commandLine(pid))
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				if w.owns(pid) { // with the descriptor in hand: still the same
					_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
				}
				_ = unix.Close(fd)
			}
			if !AwaitGone(pid, endPatience) {
				return
			}
		}
	}
}

func (w *World) owns(pid int) bool {
	for _, p := range w.Processes() {
		if p == pid {
			return true
		}
	}
	return false
}

func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
}
