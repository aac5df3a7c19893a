package process

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/shirou/gopsutil/v3/process"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// Node is a process and what runs below it.
type Node struct {
	Pid   int    `json:"pid"`
	Name  string `json:"name"`
	State string `json:"state"` // "running", "sleep", "blocked", "idle", "stop", "zombie", …
	// CPUPercent since the process started; for a live figure, compare
	// CPUSeconds of two looks.
	CPUPercent float64 `json:"cpu_percent"`
	CPUSeconds float64 `json:"cpu_seconds"`
	// Resident counts shared pages in full, Proportional by their share; bytes,
	// 0 when unknown.
	Resident     int64 `json:"rss_bytes"`
	Proportional int64 `json:"pss_bytes"`
	// ReadBytes and WrittenBytes went to or came from storage.
	ReadBytes    int64         `json:"read_bytes"`
	WrittenBytes int64         `json:"written_bytes"`
	Threads      int           `json:"threads"`
	Started      time.Time     `json:"started"`
	Age          time.Duration `json:"age_ns"`
	Children     []Node        `json:"children,omitempty"`
}

// Tree looks at a process and all below it. What ends meanwhile is left out.
func Tree(pid int) (Node, error) {
	root, err := existing(pid)
	if err != nil {
		return Node{}, err
	}
	// One pass over all processes; asking each for its children makes one per process.
	all, err := process.Pids()
	if err != nil {
		return Node{}, fmt.Errorf("list processes: %w", err)
	}
	children := map[int32][]*process.Process{}
	for _, pid := range all {
		p := &process.Process{Pid: pid}
		if parent, err := p.Ppid(); err == nil && p.Pid != root.Pid {
			children[parent] = append(children[parent], p)
		}
	}
	return describeTree(root, children, time.Now()), nil
}

// Tree is [Tree] of this process, with all its workers, also those that an earlier
// server started, and with all that carry a worker's marker below it, wherever the
// kernel has them.
func (r *Runner) Tree() (Node, error) {
	root, err := Tree(os.Getpid())
	if err != nil {
		return Node{}, err
	}
	return withMarked(root, markers(r.prefix), slices.Sorted(maps.Keys(r.workers()))), nil
}

// TreeOf is [Runner.Tree] of another process, which has this run directory: of
// those with one marker the oldest is taken for the worker.
func TreeOf(pid int, runDir string) (Node, error) {
	root, err := Tree(pid)
	if err != nil {
		return Node{}, err
	}
	marked := markers(markerPrefix(runDir))
	oldest := map[string]int{}
	for _, pid := range slices.Sorted(maps.Keys(marked)) {
		if other, found := oldest[marked[pid]]; !found || startOf(pid) < startOf(other) {
			oldest[marked[pid]] = pid
		}
	}
	return withMarked(root, marked, slices.Sorted(maps.Values(oldest))), nil
}

// startOf is when a process started, the end of time when it is gone.
func startOf(pid int) uint64 {
	if at, _, err := plugin.StartTime(pid); err == nil {
		return at
	}
	return math.MaxUint64
}

// withMarked adds to a tree the workers that are not in it, and what carries a
// marker: below its worker, or below the root when that is gone.
func withMarked(root Node, marked map[int]string, workers []int) Node {
	below := map[int]Node{} // children of the root, and what is to be
	for _, child := range root.Children {
		below[child.Pid] = child
	}
	seen := pidsOf(root)
	owner := map[string]int{} // marker → worker
	for _, pid := range workers {
		if marker := marked[pid]; marker != "" {
			owner[marker] = pid
		}
	}
	for _, pid := range append(workers, slices.Sorted(maps.Keys(marked))...) {
		if seen[pid] {
			continue
		}
		if n, err := Tree(pid); err == nil { // else it has ended
			below[pid] = n
			maps.Copy(seen, pidsOf(n))
		}
	}
	root.Children = nil
	for _, pid := range slices.Sorted(maps.Keys(below)) {
		home, found := owner[marked[pid]]
		if worker, here := below[home]; found && here && home != pid {
			worker.Children = append(worker.Children, below[pid])
			below[home] = worker
			delete(below, pid)
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(below)) {
		root.Children = append(root.Children, below[pid])
	}
	return root
}

// pidsOf are the numbers of a process and of all below it.
func pidsOf(n Node) map[int]bool {
	pids := map[int]bool{n.Pid: true}
	for _, child := range n.Children {
		maps.Copy(pids, pidsOf(child))
	}
	return pids
}

// existing is process.NewProcess without the descriptor that one opens for every
// process it looks at, and leaves to the garbage collector.
func existing(pid int) (*process.Process, error) {
	p := &process.Process{Pid: int32(pid)}
	if _, err := p.CreateTime(); err != nil {
		return nil, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return p, nil
}

// Glance looks at one process alone. Unlike [Tree] it is cheap, for the looker
// and for the end of the one looked at: Proportional is what the process alone
// would have to give back.
func Glance(pid int) (Node, error) {
	p, err := existing(pid)
	if err != nil {
		return Node{}, err
	}
	n := describe(p, time.Now())
	n.Proportional = measureAlone(pid).memory
	return n, nil
}

func describeTree(p *process.Process, children map[int32][]*process.Process, now time.Time) Node {
	n := describe(p, now)
	n.Proportional = proportionalSize(n.Pid)
	for _, child := range children[p.Pid] {
		n.Children = append(n.Children, describeTree(child, children, now))
	}
	slices.SortFunc(n.Children, func(a, b Node) int { return a.Pid - b.Pid })
	return n
}

func describe(p *process.Process, now time.Time) Node {
	n := Node{Pid: int(p.Pid), State: "unknown"}
	n.Name, _ = p.Name()
	if states, err := p.Status(); err == nil && len(states) > 0 {
		n.State = states[0]
	}
	if times, err := p.Times(); err == nil {
		n.CPUSeconds = times.User + times.System
	}
	if created, err := p.CreateTime(); err == nil {
		n.Started = time.UnixMilli(created).UTC()
		n.Age = max(0, now.Sub(n.Started))
		if n.Age > 0 {
			n.CPUPercent = 100 * n.CPUSeconds / n.Age.Seconds()
		}
	}
	if memory, err := p.MemoryInfo(); err == nil {
		n.Resident = int64(memory.RSS)
	}
	if io, err := p.IOCounters(); err == nil {
		n.ReadBytes, n.WrittenBytes = int64(io.ReadBytes), int64(io.WriteBytes)
	}
	if threads, err := p.NumThreads(); err == nil {
		n.Threads = int(threads)
	}
	return n
}
