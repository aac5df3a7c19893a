package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serverGroup is where a server sits in v2 when the group it was started in hands
// controllers down: beside its workers' groups. It stays when the server ends,
// and who starts servers may put them into it (systemd's DelegateSubgroup=).
const serverGroup = "wellhouse-server"

// findGroups looks where this process may make control groups, in v2 and v1,
// for each controller by itself. None is required.
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
	find := func(controller string, inV2 []string) string {
		switch {
		case slices.Contains(inV2, controller):
			return m.unified
		case writable(v1[controller], prefix):
			return v1[controller]
		}
		return ""
	}
	unified, controllers := delegated(v2, prefix)
	m.unified = unified
	m.memory, m.pids = find("memory", controllers), find("pids", controllers)
	return m
}

// ownGroups returns the folders of our own control groups: v1 by controller,
// and v2's. Where a hierarchy is mounted more than once the first mount that shows
// our group counts. See cgroups(7) and proc_pid_mountinfo(5).
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
			// "/.." is above the root of our namespace, as a host's mount in a container.
			below, err := filepath.Rel(root, path)
			if err != nil || strings.HasPrefix(below, "..") || strings.HasPrefix(root, "/..") || strings.HasPrefix(path, "/..") {
				return ""
			}
			return filepath.Join(point, below)
		}
		switch right[0] {
		case "cgroup2":
			if path, ok := paths[""]; ok && v2 == "" {
				v2 = folder(path)
			}
		case "cgroup":
			for option := range strings.SplitSeq(right[2], ",") {
				if path, ok := paths[option]; ok && option != "" && v1[option] == "" {
					v1[option] = folder(path)
				}
			}
		}
	}
	return v1, v2
}

// writable tells whether groups that take processes can be made in the folder, by
// making one.
func writable(folder, prefix string) bool {
	if folder == "" {
		return false
	}
	probe := filepath.Join(folder, prefix+"probe-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(probe, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false
	}
	_, err := os.Stat(filepath.Join(probe, "cgroup.procs"))
	kind, _ := os.ReadFile(filepath.Join(probe, "cgroup.type")) // v2 only
	return os.Remove(probe) == nil && err == nil && (len(kind) == 0 || string(kind) == "domain\n")
}

// delegated returns where v2 groups can be made and which of memory and pids can
// be limited there, enabling that if need be. A group that hands controllers down
// must hold no process itself (the root may), so ours moves one down for it, as
// systemd's Delegate= expects; it moves back when others are in the way.
func delegated(own, prefix string) (folder string, controllers []string) {
	folder = own
	if filepath.Base(own) == serverGroup { // moved down before
		folder = filepath.Dir(own)
	}
	within := func(file string) []string {
		text, _ := os.ReadFile(filepath.Join(folder, file))
		return slices.DeleteFunc(strings.Fields(string(text)), func(name string) bool { return name != "memory" && name != "pids" })
	}
	available := within("cgroup.controllers")
	if own == "" || len(available) == 0 || !writable(folder, prefix) {
		return "", nil
	}
	enabled := within("cgroup.subtree_control")
	missing := slices.DeleteFunc(available, func(name string) bool { return slices.Contains(enabled, name) })
	hand := func(sign string) error {
		text := sign + strings.Join(missing, " "+sign)
		return os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte(text), 0)
	}
	enable := func() bool {
		if hand("+") != nil {
			return false
		}
		// The kernel hands pids alone down from a group that holds processes, but
		// to groups that then take none.
		if !writable(folder, prefix) {
			_ = hand("-")
			return false
		}
		return true
	}
	if len(missing) > 0 && !enable() && folder == own {
		moveDown(folder, enable)
	}
	if controllers = within("cgroup.subtree_control"); len(controllers) == 0 {
		return "", nil
	}
	return folder, controllers
}

// moveDown moves this process from the folder's group into one below, for enable
// to succeed, and back when it does not.
func moveDown(folder string, enable func() bool) {
	below := filepath.Join(folder, serverGroup)
	if err := os.Mkdir(below, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return
	}
	self := []byte(strconv.Itoa(os.Getpid()))
	if os.WriteFile(filepath.Join(below, "cgroup.procs"), self, 0) == nil && !enable() {
		_ = os.WriteFile(filepath.Join(folder, "cgroup.procs"), self, 0)
	}
	_ = os.Remove(below) // fails, as it should, when we or others are in it
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
	in := func(parent string) (string, error) {
		folder := filepath.Join(parent, m.prefix+name)
		if slices.Contains(g.folders, folder) { // v2: one group has both limits
			return folder, nil
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			return "", fmt.Errorf("make control group: %w", err)
		}
		g.folders = append(g.folders, folder)
		return folder, nil
	}
	write := func(folder, file string, value int64) error {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(strconv.FormatInt(value, 10)), 0o600); err != nil {
			return fmt.Errorf("set limit of control group: %w", err)
		}
		return nil
	}
	if m.memory != "" && limits.Memory > 0 {
		if g.memory, err = in(m.memory); err != nil {
			return g, err
		}
		file := "memory.limit_in_bytes"
		if m.memory == m.unified {
			file = "memory.max"
			// One well, one fate: no half-killed trees.
			_ = write(g.memory, "memory.oom.group", 1)
			_ = write(g.memory, "memory.swap.max", 0)
		}
		if err := write(g.memory, file, limits.Memory); err != nil {
			return g, err
		}
	}
	if m.pids != "" && limits.Processes > 0 {
		if g.pids, err = in(m.pids); err != nil {
			return g, err
		}
		return g, write(g.pids, "pids.max", int64(limits.Processes))
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

// refusals is the kernel's count of processes and threads that the group was
// refused because it was at its limit.
func (g group) refusals() int {
	if g.pids == "" {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(g.pids, "pids.events"))
	if err != nil {
		return 0
	}
	return counter(text, "max ")
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
	for _, parent := range slices.Compact([]string{m.memory, m.pids}) {
		if parent == "" {
			continue
		}
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if entry.IsDir() && strings.HasPrefix(entry.Name(), m.prefix) {
				found = append(found, filepath.Join(parent, entry.Name()))
			}
		}
	}
	return found
}

// groupOf is the group that a record names.
func groupOf(folders []string) group {
	g := group{folders: folders}
	has := func(folder, file string) bool {
		_, err := os.Stat(filepath.Join(folder, file))
		return err == nil
	}
	for _, folder := range folders {
		if has(folder, "memory.events") || has(folder, "memory.oom_control") {
			g.memory = folder
		}
		if has(folder, "pids.events") {
			g.pids = folder
		}
	}
	return g
}
