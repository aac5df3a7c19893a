package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// findGroups looks where this process may make control groups, in v2 and v1.
// Neither is required.
func findGroups(prefix string) groupMaker {
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return groupMaker{}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return groupMaker{}
	}
	v1, v2 := ownGroups(string(membership), string(mounts))
	m := groupMaker{prefix: prefix}
	if v2 != "" && delegated(v2, prefix) {
		m.unified = v2
		return m
	}
	if writable(v1["memory"], prefix) {
		m.memory = v1["memory"]
	}
	if writable(v1["pids"], prefix) {
		m.pids = v1["pids"]
	}
	return m
}

// ownGroups returns the folders of our own control groups: v1 by controller,
// and v2's. See cgroups(7) and proc_pid_mountinfo(5).
func ownGroups(membership, mounts string) (v1 map[string]string, v2 string) {
	paths := map[string]string{} // controllers → path in the hierarchy
	for line := range strings.Lines(membership) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				paths[controller] = parts[2]
			}
		}
	}
	v1 = map[string]string{}
	for line := range strings.Lines(mounts) {
		before, after, found := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !found || len(left) < 5 || len(right) < 3 {
			continue
		}
		root, point := left[3], left[4]
		folder := func(path string) string {
			below, err := filepath.Rel(root, path)
			if err != nil || strings.HasPrefix(below, "..") {
				return ""
			}
			return filepath.Join(point, below)
		}
		switch right[0] {
		case "cgroup2":
			if path, ok := paths[""]; ok {
				v2 = folder(path)
			}
		case "cgroup":
			for option := range strings.SplitSeq(right[2], ",") {
				if path, ok := paths[option]; ok && option != "" {
					v1[option] = folder(path)
				}
			}
		}
	}
	return v1, v2
}

// writable tells whether groups can be made in the folder, by making one.
func writable(folder, prefix string) bool {
	if folder == "" {
		return false
	}
	probe := filepath.Join(folder, prefix+"probe-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(probe, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	_, err := os.Stat(filepath.Join(probe, "cgroup.procs"))
	return os.Remove(probe) == nil && err == nil
}

// delegated tells whether v2 groups below the folder can limit memory and
// processes, enabling that if need be. A group that hands controllers down
// must hold no process itself, so ours moves one down for it, as systemd's
// Delegate= expects; it moves back when others are in the way.
func delegated(folder, prefix string) bool {
	has := func(file string) bool {
		text, _ := os.ReadFile(filepath.Join(folder, file))
		names := strings.Fields(string(text))
		found := 0
		for _, name := range names {
			if name == "memory" || name == "pids" {
				found++
			}
		}
		return found == 2
	}
	if !has("cgroup.controllers") || !writable(folder, prefix) {
		return false
	}
	if has("cgroup.subtree_control") {
		return true
	}
	enable := func() error {
		return os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte("+memory +pids"), 0)
	}
	if enable() == nil {
		return true
	}
	own := filepath.Join(folder, prefix+"server")
	if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	self := []byte(strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(filepath.Join(own, "cgroup.procs"), self, 0); err != nil {
		_ = os.Remove(own)
		return false
	}
	if enable() == nil {
		return true
	}
	_ = os.WriteFile(filepath.Join(folder, "cgroup.procs"), self, 0)
	_ = os.Remove(own)
	return false
}

// create makes the group of one attempt with its limits. A limit that cannot
// be written is an error, with nothing left behind.
func (m groupMaker) create(name string, limits Limits) (g group, err error) {
	defer func() {
		if err != nil {
			g.remove()
			g = group{}
		}
	}()
	make := func(parent string) (string, error) {
		folder := filepath.Join(parent, m.prefix+name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return "", fmt.Errorf("make control group: %w", err)
		}
		g.folders = append(g.folders, folder)
		return folder, nil
	}
	write := func(folder, file string, value int64) error {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(strconv.FormatInt(value, 10)), 0); err != nil {
			return fmt.Errorf("set limit of control group: %w", err)
		}
		return nil
	}
	memory, processes := limits.Memory > 0, limits.Processes > 0
	if m.unified != "" && (memory || processes) {
		folder, err := make(m.unified)
		if err != nil {
			return g, err
		}
		if memory {
			g.memory = folder
			if err := write(folder, "memory.max", limits.Memory); err != nil {
				return g, err
			}
			// One well, one fate: no half-killed trees.
			_ = write(folder, "memory.oom.group", 1)
			_ = write(folder, "memory.swap.max", 0)
		}
		if processes {
			return g, write(folder, "pids.max", int64(limits.Processes))
		}
		return g, nil
	}
	if m.memory != "" && memory {
		folder, err := make(m.memory)
		if err != nil {
			return g, err
		}
		g.memory = folder
		if err := write(folder, "memory.limit_in_bytes", limits.Memory); err != nil {
			return g, err
		}
	}
	if m.pids != "" && processes {
		folder, err := make(m.pids)
		if err != nil {
			return g, err
		}
		return g, write(folder, "pids.max", int64(limits.Processes))
	}
	return g, nil
}

// add moves a process into the group; its children follow.
func (g group) add(pid int) error {
	for _, folder := range g.folders {
		err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("move process into control group: %w", err)
		}
	}
	return nil
}

// oomKills is the kernel's count of processes of the group that it killed for
// memory.
func (g group) oomKills() int {
	if g.memory == "" {
		return 0
	}
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		if text, err := os.ReadFile(filepath.Join(g.memory, file)); err == nil {
			return counter(text, "oom_kill ")
		}
	}
	return 0
}

// systemOOMKills counts out-of-memory kills on the machine since it started.
func systemOOMKills() int {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	return counter(text, "oom_kill ")
}

// counter reads a line "key number".
func counter(text []byte, key string) int {
	for line := range bytes.Lines(text) {
		if rest, found := bytes.CutPrefix(line, []byte(key)); found {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(rest)))
			return n
		}
	}
	return 0
}

// processes lists what is in the group, zombies not.
func (g group) processes() []int {
	var pids []int
	for _, folder := range g.folders {
		text, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
		if err != nil {
			continue
		}
		for field := range bytes.FieldsSeq(text) {
			if pid, err := strconv.Atoi(string(field)); err == nil && pid > 1 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// remove takes the group away once its processes are gone, and returns the
// folders that the kernel holds on to: it may need a moment after the last one.
func (g group) remove() (held []string) {
	for _, folder := range g.folders {
		for try := 0; ; try++ {
			err := os.Remove(folder)
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
			if try == 20 {
				held = append(held, folder)
				break
			}
			time.Sleep(time.Millisecond) //nolint:forbidigo // the kernel tells of no end of a removal
		}
	}
	return held
}

// removeGroup takes an attempt's group away, and with it those that the kernel
// held on to before.
func (r *Runner) removeGroup(g group) {
	r.mu.Lock()
	before := r.held
	r.held = nil
	r.mu.Unlock()
	held := g.remove()
	for _, folder := range before {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			held = append(held, folder)
		}
	}
	if len(held) > 0 {
		r.mu.Lock()
		r.held = append(r.held, held...)
		r.mu.Unlock()
	}
}

// leftovers lists groups that an earlier server of ours made.
func (m groupMaker) leftovers() []string {
	var found []string
	for _, parent := range []string{m.unified, m.memory, m.pids} {
		if parent == "" {
			continue
		}
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if entry.IsDir() && strings.HasPrefix(entry.Name(), m.prefix) && entry.Name() != m.prefix+"server" {
				found = append(found, filepath.Join(parent, entry.Name()))
			}
		}
	}
	return found
}

// groupOf is the group that a record names.
func groupOf(folders []string) group {
	g := group{folders: folders}
	for _, folder := range folders {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			if _, err := os.Stat(filepath.Join(folder, file)); err == nil {
				g.memory = folder
			}
		}
	}
	return g
}
