package cli

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
)

// tableTree is a server's process tree without the server's help: what workers
// work on is read from their marks.
func tableTree(pid int, runDir string) (message.Process, error) {
	root, err := process.TreeOf(pid, runDir)
	if err != nil {
		return message.Process{}, fmt.Errorf("%w: process %d, which held its port, has ended: %w", client.ErrNoServer, pid, err)
	}
	p := fromNode(root)
	for i := range p.Children { // what is below has inherited its mark
		c := &p.Children[i]
		c.Execution, c.Well, c.Attempt = markOf(c.PID)
	}
	return p, nil
}

func fromNode(n process.Node) message.Process {
	memory := n.Proportional
	if memory == 0 {
		memory = n.Resident
	}
	p := message.Process{
		PID: n.Pid, Name: n.Name, State: n.State, CPUPercent: n.CPUPercent, CPUSeconds: n.CPUSeconds,
		MemoryMB: float64(memory) / (1 << 20), ReadBytes: n.ReadBytes, WrittenBytes: n.WrittenBytes, Age: n.Age.Seconds(),
	}
	for _, child := range n.Children {
		p.Children = append(p.Children, fromNode(child))
	}
	return p
}

// markOf reads a worker's mark, SERVER/EXECUTION/WELL/ATTEMPT/RANDOM, from its
// environment. A worker that was started ahead of its task has another one.
func markOf(pid int) (execution, well string, attempt int) {
	environment, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", "", 0
	}
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		mark, ok := strings.CutPrefix(string(entry), plugin.EnvMarker+"=")
		if parts := strings.Split(mark, "/"); ok && len(parts) == 5 {
			if n, err := strconv.Atoi(parts[3]); err == nil {
				return parts[1], parts[2], n
			}
		}
	}
	return "", "", 0
}
