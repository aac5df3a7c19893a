package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// command is what spawn starts.
type command struct {
	path, image    string // argv[0], and the file to execute
	args, env      []string
	stdout, stderr *os.File
	kill           func(pid int, signal syscall.Signal) error
}

// attached is a process that go-plugin talks to: runner.AttachedRunner. It
// never blocks go-plugin longer than the process lives, and lets go of it at
// once when detached.
type attached struct {
	process  *process
	exited   chan struct{} // closed when exit is there
	exit     Exit
	detached chan struct{}
	detach   sync.Once
}

func newAttached(p *process) *attached {
	a := &attached{process: p, exited: make(chan struct{}), detached: make(chan struct{})}
	return a
}

// watch records the end the moment it comes; its owner is whoever made a.
func (a *attached) watch() {
	exit, err := a.process.wait()
	if err != nil {
		return // detached
	}
	a.exit = exit
	close(a.exited)
	a.process.close()
}

// release makes go-plugin's waiting end without touching the process.
func (a *attached) release() {
	a.detach.Do(func() { close(a.detached) })
	a.process.close()
}

func (a *attached) Wait(context.Context) error {
	select {
	case <-a.exited:
		return nil
	case <-a.detached:
		return errors.New("detached")
	}
}

func (a *attached) Kill(context.Context) error {
	select {
	case <-a.detached:
		return nil // not ours any more
	default:
		return a.process.signal(syscall.SIGKILL)
	}
}

func (a *attached) ID() string { return strconv.Itoa(a.process.pid) }

func (a *attached) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (a *attached) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// runner starts the process for go-plugin: runner.Runner.
type runner struct {
	*attached
	command command
	// prepare runs between start and handshake (limits, control groups).
	prepare func(pid int) error
	// started is called as soon as there is a process.
	started   func()
	socketDir string
	read      *os.File // our end of the worker's standard output
}

func (r *runner) Start(context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe for the handshake: %w", err)
	}
	r.command.stdout = write
	p, err := spawn(r.command)
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return err
	}
	r.read, r.attached = read, newAttached(p)
	go func() {
		r.watch()
		// A grandchild may hold the other end for ever: go-plugin is to see
		// the end of its output with the end of the worker.
		_ = read.Close()
	}()
	r.started()
	if r.prepare != nil {
		if err := r.prepare(p.pid); err != nil {
			_ = r.Kill(context.Background())
			return fmt.Errorf("prepare process: %w", err)
		}
	}
	return nil
}

func (r *runner) Stdout() io.ReadCloser { return r.read }

// Stderr is nothing: the worker's standard error is its log file.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

func (r *runner) Diagnose(context.Context) string { return "" }

func (r *runner) Name() string { return r.command.path }

// ID is "" when there was no start, which tells go-plugin that there is nothing to kill.
func (r *runner) ID() string {
	if r.attached == nil {
		return ""
	}
	return r.attached.ID()
}
