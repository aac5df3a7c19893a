package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
)

// MaxRunDir is the longest path of a run directory, in bytes: a unix socket's
// path must stay under 108, and go-plugin adds two names of its own.
const MaxRunDir = 68

// socketDirPrefix is how go-plugin names the directory of each worker's socket.
const socketDirPrefix = "plugin-dir"

// StartOptions say what to start and where.
type StartOptions struct {
	// Binary is the path that the process is known by, and the file that is
	// executed unless Image names it otherwise.
	Binary string
	Image  string
	Args   []string
	// Env is the worker's whole environment, apart from what the handshake
	// needs. Nothing is inherited.
	Env []string
	// RunDir holds the sockets: private to the user, at most [MaxRunDir] long.
	RunDir string
	// LogPath is the file for the worker's standard error (and, after the
	// handshake, standard output). It is appended to.
	LogPath string
	// Marker goes into the environment as [EnvMarker].
	Marker string
	// Timeout bounds the time from start to hello. Default 30 s.
	Timeout time.Duration
	// KillTimeout bounds the wait for a killed process to be gone. Default 5 s.
	KillTimeout time.Duration
	// Prepare, when set, is called with the process's number before the
	// handshake: the place for limits and control groups. An error ends the start.
	Prepare func(pid int) error
	// Kill sends a signal to a process, or to a group by its negative number.
	// Default: kill(2). Tests put a kernel in its place that does not obey.
	Kill func(pid int, signal syscall.Signal) error
}

func (o StartOptions) withDefaults() StartOptions {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.KillTimeout <= 0 {
		o.KillTimeout = 5 * time.Second
	}
	if o.Kill == nil {
		o.Kill = kill
	}
	if o.Image == "" {
		o.Image = o.Binary
	}
	return o
}

// StartError says why a worker never became one.
type StartError struct {
	Err error
	// Pid is 0 when there was no process at all.
	Pid int
	// Exit is how the process ended; nil when there was none or it did not end.
	Exit *Exit
	// Gone is closed when a process that could not be killed is gone after all;
	// nil when nothing is left.
	Gone <-chan struct{}
}

func (e *StartError) Error() string {
	if e.Exit != nil && e.Exit.Known {
		return fmt.Sprintf("start worker: %v (%s)", e.Err, e.Exit)
	}
	return fmt.Sprintf("start worker: %v", e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// Start runs the binary and returns when it has said hello. When ctx ends first
// the process is killed. A failure is a *[StartError]; nothing of the process
// is left then, unless its Gone says otherwise.
func Start(ctx context.Context, options StartOptions) (*Worker, error) {
	options = options.withDefaults()
	if len(options.RunDir) > MaxRunDir {
		return nil, &StartError{Err: fmt.Errorf("run directory %s is too long for a socket: at most %d bytes", options.RunDir, MaxRunDir)}
	}
	if err := ctx.Err(); err != nil {
		return nil, &StartError{Err: err}
	}
	log, err := os.OpenFile(options.LogPath, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &StartError{Err: fmt.Errorf("open worker log: %w", err)}
	}
	defer func() { _ = log.Close() }()

	within, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	process := &runner{prepare: options.Prepare}
	var interrupt func() bool
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          goplugin.PluginSet{pluginName: &service{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		SkipHostEnv:      true,
		StartTimeout:     options.Timeout + options.KillTimeout, // ours comes first
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: options.RunDir},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (gorunner.Runner, error) {
			process.socketDir = socketDir
			process.command = command{
				path: options.Binary, image: options.Image, args: options.Args, stderr: log, kill: options.Kill,
				env: append(append([]string{EnvMarker + "=" + options.Marker}, options.Env...), cmd.Env...),
			}
			process.started = func() {
				interrupt = context.AfterFunc(within, func() { _ = process.Kill(ctx) })
			}
			return process, nil
		},
	})
	address, err := client.Start()
	if interrupt != nil && !interrupt() && err == nil {
		err = within.Err() // killed at the last moment
	}
	if err != nil {
		return nil, startFailed(within, process, options, err)
	}
	record := Record{Pid: process.process.pid, BootID: BootID(), Marker: options.Marker, Socket: address.String()}
	// Not reaped before its wait took the lock: the number is its own, or gone.
	record.StartTime, _, _ = StartTime(record.Pid)
	w, err := newWorker(process.attached, record, process.socketDir, options.KillTimeout)
	if err != nil {
		return nil, startFailed(within, process, options, err)
	}
	return w, nil
}

// startFailed ends what there is of the process and explains.
func startFailed(within context.Context, process *runner, options StartOptions, err error) error {
	failure := &StartError{Err: sayWhy(within, options, err)}
	if process.attached == nil {
		removeSocketDir(process.socketDir)
		return failure
	}
	failure.Pid = process.process.pid
	_ = process.Kill(within)
	select {
	case <-process.exited:
		removeSocketDir(process.socketDir)
		exit := process.exit
		failure.Exit = &exit
	case <-time.After(options.KillTimeout):
		gone := make(chan struct{})
		failure.Gone = gone
		go func() {
			defer close(gone)
			<-process.exited
			removeSocketDir(process.socketDir)
		}()
	}
	return failure
}

// sayWhy replaces what a kill of ours made go-plugin say.
func sayWhy(within context.Context, options StartOptions, err error) error {
	switch {
	case errors.Is(within.Err(), context.DeadlineExceeded):
		return fmt.Errorf("worker did not say hello within %s", options.Timeout)
	case within.Err() != nil:
		return within.Err()
	}
	// go-plugin's text explains at length what a plugin's author should do.
	text, _, _ := strings.Cut(err.Error(), "\n")
	if text == "Unrecognized remote plugin message: " || strings.Contains(text, "plugin exited before") {
		return errors.New("worker ended before it said hello")
	}
	return errors.New(strings.ReplaceAll(text, "plugin", "worker"))
}

// socketDirOf returns the directory to remove with the socket, "" when the
// record does not name one that go-plugin made.
func socketDirOf(socket string) string {
	dir := filepath.Dir(socket)
	if strings.HasPrefix(filepath.Base(dir), socketDirPrefix) {
		return dir
	}
	return ""
}

func removeSocketDir(dir string) {
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
}
