package plugin

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// BecomeReaper makes orphaned descendants of this process its children again,
// wherever they moved: how double-forked grandchildren are found.
func BecomeReaper() bool {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
}

// End kills the remains and returns true when nothing is left of them.
func (r Remains) End() bool {
	deadline := time.Now().Add(r.Patience)
	ended := map[int]bool{}
	doubts := maxDoubts
	leader := r.Leader
	if leader <= 1 {
		leader = -1 // there was no process: nothing is in its group
	}
	others := r.Others
	if others == nil {
		others = func(int) bool { return false }
	}
	for {
		var left []Stat
		doubtful := false
		add := func(pid int) {
			if p, ok := Look(pid); ok && pid != leader {
				left = append(left, p)
			}
		}
		if r.Members != nil {
			for _, pid := range r.Members() {
				add(pid)
			}
		}
		for _, pid := range r.candidates() {
			p, ok := Look(pid)
			if !ok || pid == leader || (r.Everywhere && p.Dead() && p.Parent != os.Getpid()) {
				continue
			}
			if p.Group == leader || p.Session == leader || p.Parent == leader || ended[pid] {
				left = append(left, p)
				continue
			}
			marked, sure := markedBy(pid, r.Marker)
			if marked {
				left = append(left, p)
			}
			orphan := !r.Everywhere || p.Parent == 1
			doubtful = doubtful || !sure && orphan && !p.Dead() && !others(pid)
		}
		if len(left) == 0 && (r.Everywhere || !groupLives(leader)) {
			if !doubtful || doubts == 0 {
				return true
			}
			doubts--
		}
		if time.Now().After(deadline) {
			return false
		}
		waited := false
		for _, p := range left {
			ended[p.Pid] = true
			waited = end(p, time.Until(deadline)) || waited
		}
		if !waited {
			// Members of the group that are dying but were not handed to us
			// yet: there is no event for that.
			time.Sleep(time.Millisecond) //nolint:forbidigo // see above
		}
	}
}

// maxDoubts is how often, a millisecond apart, a sweep asks again what an orphan
// is that shows no environment: it may be about to become another program, and
// has none for a moment, or it was given none.
const maxDoubts = 20

// markedBy tells whether a process carries the marker; it is not sure about one
// that shows no environment at all.
func markedBy(pid int, marker string) (marked, sure bool) {
	if marker == "" {
		return false, true
	}
	found, sure := MarkerOf(pid)
	return found == marker, sure
}

// MarkerOf is the marker that a process carries, "" when it has none; it is not
// sure about one that shows no environment at all.
func MarkerOf(pid int) (marker string, sure bool) {
	environment, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", true // it has ended, or is not ours
	}
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if marker, found := bytes.CutPrefix(entry, []byte(EnvMarker+"=")); found {
			return string(marker), true
		}
	}
	return "", len(environment) > 0
}

func (r Remains) candidates() []int {
	if r.Everywhere {
		return Everyone()
	}
	return Orphans()
}

// Orphans lists the children that this process's main thread started or was
// handed: orphaned descendants come to it, when it is their reaper.
func Orphans() []int { return Children(os.Getpid(), strconv.Itoa(os.Getpid())) }

// Children lists the children that a process's thread started or was handed.
func Children(pid int, thread string) []int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + thread + "/children")
	if err != nil {
		return nil
	}
	var pids []int
	for field := range bytes.FieldsSeq(text) {
		if child, err := strconv.Atoi(string(field)); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// Everyone lists all processes but this one and the first.
func Everyone() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groupLives tells whether anyone is left in a process group.
func groupLives(leader int) bool {
	return leader > 1 && !errors.Is(syscall.Kill(-leader, 0), syscall.ESRCH)
}

// end kills a process, waits for its end and reaps it if it is our child. It
// returns false when there was nothing to wait for.
func end(p Stat, patience time.Duration) bool {
	pidfd, err := unix.PidfdOpen(p.Pid, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(pidfd) }()
	// Looked at again with the descriptor in hand: still the same process?
	now, ok := Look(p.Pid)
	if !ok || now.Group != p.Group || now.Session != p.Session {
		return false
	}
	if !p.Dead() {
		if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
			return false
		}
	}
	set := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, int(max(0, patience.Milliseconds())))
	if n > 0 && now.Parent == os.Getpid() {
		_, _ = syscall.Wait4(p.Pid, nil, syscall.WNOHANG, nil)
	}
	return n > 0 || errors.Is(err, unix.EINTR)
}
