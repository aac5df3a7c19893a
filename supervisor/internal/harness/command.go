package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code; -1 when a signal ended it
}

// Run runs the command to its end, within Patience.
func (w *World) Run(args ...string) Result {
	w.tb.Helper()
	return w.Start(args...).Wait()
}

// OK runs the command, which must exit with 0, and returns what it printed.
func (w *World) OK(args ...string) string {
	w.tb.Helper()
	return w.Want(0, args...).Stdout
}

// Want runs the command, which must exit with the given code.
func (w *World) Want(code int, args ...string) Result {
	w.tb.Helper()
	r := w.Run(args...)
	if r.Code != code {
		w.tb.Fatalf("supervisor %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	return r
}

// JSON runs the command with --json and reads what it prints.
func (w *World) JSON(into any, args ...string) {
	w.tb.Helper()
	text := w.OK(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		w.tb.Fatalf("supervisor %s --json: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// Process is a command under way.
type Process struct {
	w      *World
	args   []string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	out    *output
	err    *output
	ended  chan struct{}
	result Result
	server bool // asked to end when the test is over, where others are killed
}

// Start starts the command and leaves it running.
func (w *World) Start(args ...string) *Process {
	w.tb.Helper()
	return w.start(nil, args...)
}

func (w *World) start(files []*os.File, args ...string) *Process {
	w.tb.Helper()
	p := &Process{w: w, args: args, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	p.cmd = exec.Command(w.binary, args...)
	p.cmd.Env, p.cmd.Dir = w.env, w.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	p.cmd.ExtraFiles = files
	// Descendants that keep the pipes open must not keep us waiting.
	p.cmd.WaitDelay = 2 * time.Second
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		w.tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.tb.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		err := p.cmd.Wait()
		p.result = Result{p.out.text(), p.err.text(), p.cmd.ProcessState.ExitCode()}
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
			p.result.Stderr += "\nwait: " + err.Error()
		}
		p.out.close()
		p.err.close()
	}()
	w.started = append(w.started, p)
	return p
}

// Pid is the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) {
	p.w.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.w.tb.Fatalf("signal supervisor %s: %v", strings.Join(p.args, " "), err)
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end, within Patience.
func (p *Process) Wait() Result {
	p.w.tb.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.w.tb.Fatalf("supervisor %s did not end within %s\nstdout: %s\nstderr: %s",
			strings.Join(p.args, " "), Patience, p.out.text(), p.err.text())
	}
	if strings.Contains(p.result.Stderr, "WARNING: DATA RACE") {
		p.w.tb.Errorf("supervisor %s: data race\n%s", strings.Join(p.args, " "), p.result.Stderr)
	}
	return p.result
}

// AwaitStdout waits until what was printed to standard output matches, and
// returns the match with its groups.
func (p *Process) AwaitStdout(pattern string) []string {
	p.w.tb.Helper()
	return p.await(p.out, "standard output", pattern)
}

// AwaitStderr is AwaitStdout for standard error.
func (p *Process) AwaitStderr(pattern string) []string {
	p.w.tb.Helper()
	return p.await(p.err, "standard error", pattern)
}

func (p *Process) await(o *output, what, pattern string) []string {
	p.w.tb.Helper()
	want := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		text, changed, open := o.look()
		if match := want.FindStringSubmatch(text); match != nil {
			return match
		}
		if !open {
			p.w.tb.Fatalf("supervisor %s ended with %d before its %s matched %q\nstdout: %s\nstderr: %s",
				strings.Join(p.args, " "), p.cmd.ProcessState.ExitCode(), what, pattern, p.out.text(), p.err.text())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.w.tb.Fatalf("supervisor %s: its %s does not match %q\nstdout: %s\nstderr: %s",
				strings.Join(p.args, " "), what, pattern, p.out.text(), p.err.text())
		}
	}
}

// output collects what a process prints and tells of every change.
type output struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
	closed  bool
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buffer.Write(p)
	o.tell()
	return n, err
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.tell()
}

func (o *output) tell() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) look() (text string, changed <-chan struct{}, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String(), o.changed, !o.closed
}

func (o *output) text() string {
	text, _, _ := o.look()
	return text
}

// IntoClosedPipe runs the command with a standard output that nobody reads any
// more, and returns how the process ended.
func (w *World) IntoClosedPipe(args ...string) (Result, syscall.WaitStatus) {
	w.tb.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		w.tb.Fatal(err)
	}
	_ = reader.Close()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, w.Dir, writer, &stderr
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		w.tb.Fatal(err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return Result{Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}, status
}
