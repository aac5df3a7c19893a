package process

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// sweep ends everything that is left of an attempt whose worker is gone, and
// returns true when nothing is. leader is the worker's number: its group and
// session keep it reserved as long as anyone is in them. everywhere is needed
// after a restart.
func (r *Runner) sweep(leader int, marker string, g group, everywhere bool) bool {
	return plugin.Remains{
		Leader: leader, Marker: marker, Members: g.processes, Others: isWorker,
		Everywhere: everywhere || !r.reaper, Patience: r.options.KillTimeout,
	}.End()
}

// reapUnknown collects dead orphans that left their attempt's group and session
// and ended by themselves: nothing tells whose they were. A worker must not be
// among them, so none may be between its start and its entry among the children.
func (r *Runner) reapUnknown() {
	own := unix.Getpgrp()
	var dead []plugin.Stat
	for _, pid := range plugin.Orphans() {
		if p, ok := plugin.Look(pid); ok && p.Dead() && p.Group != own {
			dead = append(dead, p)
		}
	}
	if len(dead) == 0 {
		return
	}
	children.starting.Lock()
	defer children.starting.Unlock()
	for _, p := range dead {
		if !isWorker(p.Pid) && !isWorker(p.Session) {
			_, _ = syscall.Wait4(p.Pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// markers returns every marked process that an earlier server of ours left,
// by number.
func markers(prefix string) map[int]string {
	found := map[int]string{}
	for _, pid := range plugin.Everyone() {
		if marker, _ := plugin.MarkerOf(pid); strings.HasPrefix(marker, prefix) {
			found[pid] = marker
		}
	}
	return found
}
