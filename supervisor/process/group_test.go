//go:build linux

package process

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

func TestOwnGroups(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, membership, mounts string
		memory, cpu, v2          string
	}{
		{
			"both", "4:memory:/user/a\n3:cpu,cpuacct:/\n0::/init.scope\n", `
22 20 0:20 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
23 20 0:21 /user /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory
24 20 0:22 /other /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
nonsense
`, "/sys/fs/cgroup/memory/a", "", "/sys/fs/cgroup/unified/init.scope",
		},
		{
			"a part mounted again", "4:memory:/user/a\n0::/a\n", `
22 20 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
23 20 0:20 /other /mnt/part rw - cgroup2 cgroup2 rw
24 20 0:21 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
25 20 0:21 /other /mnt/memory rw - cgroup cgroup rw,memory
`, "/sys/fs/cgroup/memory/user/a", "", "/sys/fs/cgroup/a",
		},
		{
			"the host's mount in a container", "0::/\n", "22 20 0:20 /../.. /host/cgroup rw - cgroup2 cgroup2 rw\n", "", "", "",
		},
		{
			"a group outside of the namespace", "0::/../a\n", "22 20 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "", "", "",
		},
	} {
		v1, v2 := ownGroups(test.membership, test.mounts)
		if v2 != test.v2 || v1["memory"] != test.memory || v1["cpu"] != test.cpu {
			t.Errorf("%s: got %v, %q", test.name, v1, v2)
		}
	}
}

// The same limits, in the files of either version and where one has a part only.
func TestGroupFilesOfEitherVersion(t *testing.T) {
	t.Parallel()
	limits := Limits{Memory: 5 << 20, Processes: 7}
	v1 := map[string]string{"m/w-a/memory.limit_in_bytes": "5242880", "p/w-a/pids.max": "7"}
	v2 := map[string]string{"u/w-a/memory.max": "5242880", "u/w-a/memory.oom.group": "1", "u/w-a/memory.swap.max": "0", "u/w-a/pids.max": "7"}
	mixed := map[string]string{"m/w-a/memory.limit_in_bytes": "5242880", "u/w-a/pids.max": "7"}
	for _, test := range []struct {
		name  string
		maker groupMaker
		want  map[string]string
		count int // of folders
	}{
		{"v1", groupMaker{memory: "m", pids: "p"}, v1, 2},
		{"v2", groupMaker{memory: "u", pids: "u", unified: "u"}, v2, 1},
		{"v2 without memory", groupMaker{pids: "u", unified: "u"}, map[string]string{"u/w-a/pids.max": "7"}, 1},
		{"mixed", groupMaker{memory: "m", pids: "u", unified: "u"}, mixed, 2},
		{"none", groupMaker{}, map[string]string{}, 0},
	} {
		root := t.TempDir()
		at := func(name string) string {
			if name == "" {
				return ""
			}
			if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(root, name)
		}
		m := groupMaker{memory: at(test.maker.memory), pids: at(test.maker.pids), unified: at(test.maker.unified), prefix: "w-"}
		g, err := m.create("a", limits)
		if err != nil || len(g.folders) != test.count {
			t.Errorf("%s: %+v, %v", test.name, g, err)
		}
		if left := m.leftovers(); !slices.Equal(slices.Sorted(slices.Values(left)), slices.Sorted(slices.Values(g.folders))) {
			t.Errorf("%s: a later server would find %v of %v", test.name, left, g.folders)
		}
		files, _ := filepath.Glob(filepath.Join(root, "*", "*", "*"))
		if len(files) != len(test.want) {
			t.Errorf("%s: wrote %v", test.name, files)
		}
		for name, want := range test.want {
			if text, _ := os.ReadFile(filepath.Join(root, name)); string(text) != want {
				t.Errorf("%s: %s holds %q, want %q", test.name, name, text, want)
			}
		}
	}
}

func TestGroupCounters(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"v1": {"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "pids.events": "max 2\n"},
		"v2": {"memory.events": "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 1\n", "pids.events": "max 2\n"},
	} {
		dir := t.TempDir()
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if g := groupOf([]string{dir}); g.oomKills() != 3 || g.refusals() != 2 {
			t.Errorf("%s: %d kills, %d refusals", name, g.oomKills(), g.refusals())
		}
	}
	if g := groupOf([]string{t.TempDir()}); g.oomKills()+g.refusals() != 0 {
		t.Error("counted something in a group without counters")
	}
}

// What a dead server left in its groups goes, unless it is about to be adopted.
func TestGroupsOfADeadServerAreSwept(t *testing.T) {
	t.Parallel()
	run, err := os.MkdirTemp("", "wh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	dead := newFixture(t, func(o *Options) { o.RunDir = run })
	var groups [2]group
	var sleepers [2]*exec.Cmd
	for i, name := range []string{"lost", "live"} {
		if groups[i], err = dead.groups.create(name, Limits{Memory: 1 << 30, Processes: 50}); err != nil {
			t.Fatal(err)
		}
		if len(groups[i].folders) == 0 {
			t.Skip("no control groups can be made here, in v1 or v2")
		}
		sleepers[i] = exec.Command("/bin/sleep", "600")
		if err := sleepers[i].Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sleepers[i].Process.Kill(); _ = sleepers[i].Wait(); groups[i].remove() })
		if err := groups[i].add(sleepers[i].Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	next := newFixture(t, func(o *Options) { o.RunDir = run })
	if err := next.Sweep([]Record{{Groups: groups[1].folders}}); err != nil {
		t.Fatal(err)
	}
	if p, ok := plugin.Look(sleepers[0].Process.Pid); ok && !p.Dead() {
		t.Error("what was lost still runs")
	}
	if p, ok := plugin.Look(sleepers[1].Process.Pid); !ok || p.Dead() {
		t.Error("what is to be adopted was ended")
	}
	if left := next.groups.leftovers(); !slices.Equal(left, groups[1].folders) {
		t.Errorf("left: %v, want %v", left, groups[1].folders)
	}
}

// found is what a process finds of groups, and where it is then.
type found struct{ Memory, Pids, Unified, Own string }

// tellGroups is the process of TestDelegatedGroups: it waits until it was put
// into a group, looks for groups, and stays until it is told to end.
func tellGroups() {
	_, _ = os.Stdin.Read(make([]byte, 1))
	m := findGroups("wellhouse-test-")
	own, _ := os.ReadFile("/proc/self/cgroup")
	_ = json.NewEncoder(os.Stdout).Encode(found{m.memory, m.pids, m.unified, strings.TrimSpace(string(own))})
	_, _ = io.ReadAll(os.Stdin)
}

// Groups of v2 in a group that was handed to a server, as systemd or a
// container's engine does it.
func TestDelegatedGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if f.groups.unified == "" || f.groups.memory != f.groups.unified || f.groups.pids != f.groups.unified || os.Getuid() != 0 {
		t.Skip("needs cgroup v2 with memory and pids, and root")
	}
	for _, test := range []struct {
		name         string
		controllers  string // handed to the group
		user         uint32 // whose it is
		start        string // the server's group, below it
		others       bool   // others are in the server's group
		memory, pids bool   // what is to be found
		end          string // the server's group after that
	}{
		{"alone", "+memory +pids", 0, ".", false, true, true, serverGroup},
		{"of another user", "+memory +pids", 1000, ".", false, true, true, serverGroup},
		{"not of the user", "+memory +pids", 1001, ".", false, false, false, "."},
		{"others in the way", "+memory +pids", 1000, ".", true, false, false, "."},
		{"put beside the groups", "+memory +pids", 1000, serverGroup, true, true, true, serverGroup},
		{"without memory", "+pids", 1000, ".", false, false, true, serverGroup},
		{"without memory, others in the way", "+pids", 1000, ".", true, false, false, "."},
		{"without controllers", "", 1000, ".", false, false, false, "."},
	} {
		t.Run(test.name, func(t *testing.T) {
			above := filepath.Join(f.groups.unified, "wellhouse-delegated-"+strconv.Itoa(os.Getpid()))
			folder := filepath.Join(above, "server.service")
			start := filepath.Join(folder, test.start)
			made := []string{start, folder, above}
			if err := os.MkdirAll(start, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { group{folders: append([]string{filepath.Join(folder, serverGroup)}, made...)}.remove() })
			if err := os.WriteFile(filepath.Join(above, "cgroup.subtree_control"), []byte(test.controllers), 0); err != nil {
				t.Fatal(err)
			}
			owner := test.user
			if test.name == "not of the user" {
				owner = 1000
			}
			for _, path := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", test.start, test.start + "/cgroup.procs"} {
				if err := os.Chown(filepath.Join(folder, path), int(owner), -1); err != nil {
					t.Fatal(err)
				}
			}
			enter := func(pid int) {
				if err := (group{folders: []string{start}}).add(pid); err != nil {
					t.Fatal(err)
				}
			}
			if test.others {
				other := exec.Command("/bin/sleep", "600")
				if err := other.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
				enter(other.Process.Pid)
			}
			server := exec.Command("/proc/self/exe", "find-groups")
			server.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.user}}
			stdin, err := server.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stdin.Close(); _ = server.Wait() })
			enter(server.Process.Pid)
			if _, err := stdin.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			var got found
			if err := json.NewDecoder(stdout).Decode(&got); err != nil {
				t.Fatal(err)
			}
			in := func(yes bool) string {
				if yes {
					return folder
				}
				return ""
			}
			if got.Memory != in(test.memory) || got.Pids != in(test.pids) || got.Unified != in(test.memory || test.pids) {
				t.Errorf("found %+v", got)
			}
			if end := filepath.Join("server.service", test.end); !strings.HasSuffix(got.Own, end) {
				t.Errorf("the server is in %s, want …%s", got.Own, end)
			}
			if test.end == "." {
				if _, err := os.Stat(filepath.Join(folder, serverGroup)); err == nil {
					t.Error("a group is left")
				}
			}
			if test.memory || test.pids { // a group there takes processes
				g, err := groupMaker{memory: got.Memory, pids: got.Pids, unified: got.Unified, prefix: "wellhouse-test-"}.create("a", Limits{Memory: 1 << 30, Processes: 50})
				if err == nil {
					err = g.add(server.Process.Pid)
				}
				if back := (group{folders: []string{filepath.Join(folder, serverGroup)}}).add(server.Process.Pid); err != nil || back != nil {
					t.Errorf("a group takes no process: %v, %v", err, back)
				}
				g.remove()
			}
			if left, _ := filepath.Glob(filepath.Join(folder, "wellhouse-test-*")); len(left) > 0 {
				t.Errorf("probes are left: %v", left)
			}
		})
	}
}
