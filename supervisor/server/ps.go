package server

import (
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
)

// ps shows the server, its workers with what they do, and what those started.
func (s *Server) ps() (any, error) {
	tree, err := s.processes.Tree()
	if err != nil {
		return nil, err
	}
	live := map[int]engine.Live{}
	for _, l := range s.engine.Running() {
		live[l.Pid] = l
	}
	return message.PsReply{Status: message.StatusOK, Tree: s.describe(tree, live)}, nil
}

func (s *Server) describe(n process.Node, live map[int]engine.Live) message.Process {
	p := message.Process{
		PID: n.Pid, Name: n.Name, State: n.State, CPUPercent: n.CPUPercent, CPUSeconds: n.CPUSeconds,
		MemoryMB: megabytes(n), ReadBytes: n.ReadBytes, WrittenBytes: n.WrittenBytes, Age: n.Age.Seconds(),
	}
	if l, ok := live[n.Pid]; ok {
		p.Execution, p.Well, p.Attempt = l.Key.Execution, l.Key.Well, l.Attempt
		p.Step, p.Percent = s.board.step(l.Key.Execution, l.Key.Well)
	}
	for _, child := range n.Children {
		p.Children = append(p.Children, s.describe(child, live))
	}
	return p
}
