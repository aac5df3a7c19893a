package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// becomeReaper makes orphaned descendants of this process its children again,
// wherever they moved: how double-forked grandchildren are found.
func becomeReaper() bool {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
}

// relative is a process as proc(5)'s stat shows it.
type relative struct {
	pid                    int
	state                  byte
	parent, group, session int
}

func (r relative) dead() bool { return r.state == 'Z' || r.state == 'X' }

func lookAt(pid int) (relative, bool) {
	line, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return relative{}, false
	}
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 4 {
		return relative{}, false
	}
	r := relative{pid: pid, state: fields[0][0]}
	for i, number := range []*int{&r.parent, &r.group, &r.session} {
		n, err := strconv.Atoi(string(fields[i+1]))
		if err != nil {
			return relative{}, false
		}
		*number = n
	}
	return r, true
}

// sweep ends everything that is left of an attempt whose worker is gone, and
// returns true when nothing is. leader is the worker's number: its group and
// session keep it reserved as long as anyone is in them.
//
// With everywhere it looks at all processes and not just at those that were
// handed to us: needed after a restart, and where we are not the reaper.
func (r *Runner) sweep(leader int, marker string, g group, everywhere bool) bool {
	deadline := time.Now().Add(r.options.KillTimeout)
	everywhere = everywhere || !r.reaper
	ended := map[int]bool{}
	doubts := maxDoubts
	if leader <= 1 {
		leader = -1 // there was no process: nothing is in its group
	}
	for {
		var left []relative
		doubtful := false
		add := func(pid int) {
			if p, ok := lookAt(pid); ok && pid != leader {
				left = append(left, p)
			}
		}
		for _, pid := range g.processes() {
			add(pid)
		}
		for _, pid := range strays(everywhere) {
			p, ok := lookAt(pid)
			if !ok || pid == leader || (everywhere && p.dead() && p.parent != os.Getpid()) {
				continue
			}
			if p.group == leader || p.session == leader || ended[pid] {
				left = append(left, p)
				continue
			}
			marked, sure := markedBy(pid, marker)
			if marked {
				left = append(left, p)
			}
			orphan := !everywhere || p.parent == 1
			doubtful = doubtful || !sure && orphan && !p.dead() && !r.isWorker(pid)
		}
		if len(left) == 0 && (everywhere || !groupLives(leader)) {
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
			ended[p.pid] = true
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
	environment, err := os.ReadFile(procPath(pid, "environ"))
	if err != nil {
		return false, true // it has ended, or is not ours
	}
	want := []byte(plugin.EnvMarker + "=" + marker)
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if bytes.Equal(entry, want) {
			return true, true
		}
	}
	return false, len(environment) > 0
}

// strays lists who may be left of an attempt: orphans are handed to our main
// thread.
func strays(everywhere bool) []int {
	if !everywhere {
		return childrenOf(os.Getpid(), strconv.Itoa(os.Getpid()))
	}
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
func end(p relative, patience time.Duration) bool {
	pidfd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(pidfd) }()
	// Looked at again with the descriptor in hand: still the same process?
	now, ok := lookAt(p.pid)
	if !ok || now.group != p.group || now.session != p.session {
		return false
	}
	if !p.dead() {
		if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
			return false
		}
	}
	set := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(set, int(max(0, patience.Milliseconds())))
	if n > 0 && now.parent == os.Getpid() {
		_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
	}
	return n > 0 || errors.Is(err, unix.EINTR)
}

// reapUnknown collects dead orphans that left their attempt's group and session
// and ended by themselves: nothing tells whose they were. A worker must not be
// among them, so none may be between its start and its entry into r.workers.
func (r *Runner) reapUnknown() {
	own := unix.Getpgrp()
	var dead []relative
	for _, pid := range strays(false) {
		if p, ok := lookAt(pid); ok && p.state == 'Z' && p.group != own {
			dead = append(dead, p)
		}
	}
	if len(dead) == 0 {
		return
	}
	r.starting.Lock()
	defer r.starting.Unlock()
	for _, p := range dead {
		if !r.isWorker(p.pid) && !r.isWorker(p.session) {
			_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// markers returns every marked process that an earlier server of ours left,
// by number.
func markers(prefix string) map[int]string {
	found := map[int]string{}
	want := []byte(plugin.EnvMarker + "=" + prefix)
	for _, pid := range strays(true) {
		environment, err := os.ReadFile(procPath(pid, "environ"))
		if err != nil {
			continue
		}
		for entry := range bytes.SplitSeq(environment, []byte{0}) {
			if bytes.HasPrefix(entry, want) {
				_, marker, _ := bytes.Cut(entry, []byte("="))
				found[pid] = string(marker)
			}
		}
	}
	return found
}
