//go:build !linux

package plugin

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// process is a worker's process. Without process groups and pidfds that is the
// one process and a blocking wait: enough to develop on, not to run a server.
type process struct {
	pid int
	os  *os.Process
}

func spawn(c command) (*process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	p, err := os.StartProcess(c.image, append([]string{c.path}, c.args...), &os.ProcAttr{
		Env: c.env, Files: []*os.File{null, c.stdout, c.stderr},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	return &process{pid: p.Pid, os: p}, nil
}

func adopt(Record, func(int, syscall.Signal) error) (*process, error) {
	return nil, fmt.Errorf("%w: reattaching needs Linux", ErrNotRunning)
}

func (p *process) wait() (Exit, error) {
	state, err := p.os.Wait()
	if err != nil {
		return Exit{At: time.Now()}, nil
	}
	return Exit{
		Known: true, Code: state.ExitCode(), At: time.Now(),
		UserCPU: state.UserTime(), SystemCPU: state.SystemTime(),
	}, nil
}

func (p *process) signal(s syscall.Signal) error {
	if s == syscall.SIGKILL {
		return p.os.Kill()
	}
	return p.os.Signal(s)
}

func (p *process) close() {}
