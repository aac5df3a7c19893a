package process

import (
	"os"
	"strconv"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// usage of a worker and its descendants at one moment.
type usage struct {
	memory    int64 // bytes
	peak      int64 // of the worker alone so far, in bytes
	shared    int64 // of memory, the part that is shared memory or in files of a tmpfs
	files     int64 // pages of files, which are not counted above
	processes int   // and threads
}

// measure adds up what a tree of processes holds in memory. A lone process is
// charged its anonymous and shared-memory pages, since the pages of the binary
// are shared with every other worker; in a tree, pages that a fork shares are
// told apart by the kernel (PSS), which costs more to ask.
func measure(pid int) usage {
	u := measureAlone(pid)
	children := descendants(pid)
	if len(children) == 0 {
		return u
	}
	u.memory = proportional(pid)
	for _, child := range children {
		u.memory += proportional(child)
		if text, err := os.ReadFile(procPath(child, "status")); err == nil {
			u.processes += int(plugin.StatusNumber(text, "Threads:"))
			u.shared += plugin.StatusNumber(text, "RssShmem:") << 10
		}
	}
	return u
}

// measureAlone is measure of a process that has no descendants.
func measureAlone(pid int) usage {
	text, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		return usage{}
	}
	shared := plugin.StatusNumber(text, "RssShmem:") << 10
	return usage{
		memory:    plugin.StatusNumber(text, "RssAnon:")<<10 + shared,
		shared:    shared,
		files:     plugin.StatusNumber(text, "RssFile:") << 10,
		peak:      max(0, plugin.StatusNumber(text, "VmHWM:")-plugin.StatusNumber(text, "RssFile:")) << 10,
		processes: int(plugin.StatusNumber(text, "Threads:")),
	}
}

func procPath(pid int, file string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + file
}

// proportional is a process's proportional set size without pages of files, in
// bytes.
func proportional(pid int) int64 {
	text, err := os.ReadFile(procPath(pid, "smaps_rollup"))
	if err != nil {
		return 0
	}
	return (plugin.StatusNumber(text, "Pss_Anon:") + plugin.StatusNumber(text, "Pss_Shmem:")) << 10
}

// descendants lists all processes below one, in no order of worth.
func descendants(pid int) []int {
	var found []int
	queue := []int{pid}
	for len(queue) > 0 && len(found) < 4096 {
		threads, err := os.ReadDir(procPath(queue[0], "task"))
		if err == nil {
			for _, thread := range threads {
				below := plugin.Children(queue[0], thread.Name())
				found, queue = append(found, below...), append(queue, below...)
			}
		}
		queue = queue[1:]
	}
	return found
}

// proportionalSize is a process's proportional set size in bytes, 0 when unknown.
func proportionalSize(pid int) int64 {
	text, err := os.ReadFile(procPath(pid, "smaps_rollup"))
	if err != nil {
		return 0
	}
	return plugin.StatusNumber(text, "Pss:") << 10
}
