//go:build linux

package process

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// The test binary is the worker too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "worker":
			os.Exit(plugin.Serve(&faulty{types: types(thing{})}, plugin.ServeOptions{
				Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
			}))
		case "worker-of-another-build":
			os.Exit(plugin.Serve(&faulty{types: types(otherThing{})}, plugin.ServeOptions{}))
		case "worker-that-is-silent":
			fmt.Fprintln(os.Stderr, "thinking about saying hello")
			time.Sleep(time.Hour)
		case "worker-that-dies-early":
			fmt.Fprintln(os.Stderr, "cannot load libexample.so.5")
			os.Exit(127)
		case "eat":
			eat()
		case "find-groups":
			tellGroups()
			os.Exit(0)
		case "bare":
			fmt.Println(time.Now().UnixNano())
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

type thing struct {
	Sigma float64 `json:"sigma"`
}

type otherThing struct {
	Radius int `json:"radius"`
}

func types(prototype any) *registry.Registry {
	r := registry.New()
	if err := r.Register("wellhouse.test.Thing", prototype); err != nil {
		panic(err)
	}
	return r
}

// order is the task of the faulty worker.
type order struct {
	Do        string
	Directory string
	Number    int
	For       time.Duration
}

// What every worker says it has used.
const (
	accountCPU  = 7 * time.Hour
	accountPeak = 1 << 50
)

// faulty is a worker that misbehaves as ordered.
type faulty struct{ types *registry.Registry }

func (f *faulty) Describe(string) plugin.Description {
	description, err := json.Marshal(f.types.Description())
	if err != nil {
		panic(err)
	}
	return plugin.Description{Version: "test", Fingerprint: f.types.Fingerprint(), Registry: description}
}

func (f *faulty) Execute(ctx context.Context, request plugin.Request) plugin.Reply {
	began := time.Now()
	var task order
	if err := json.Unmarshal(request.Task, &task); err != nil {
		return plugin.Reply{Reason: enums.ReasonFunctionError, Error: err.Error()}
	}
	reason, text := f.obey(ctx, task)
	if task.Do != "no outcome" {
		outcome := result.Outcome{
			Execution: request.Execution, Plate: request.Plate, Well: request.Well, Attempt: request.Attempt,
			Reason: reason, Error: text, Started: began, Ended: time.Now(),
			UserCPU: accountCPU, SystemCPU: accountCPU, PeakMemory: accountPeak,
		}
		if err := result.WriteOutcome(task.Directory, outcome); err != nil {
			return plugin.Reply{Reason: enums.ReasonFunctionError, Error: err.Error()}
		}
	}
	switch task.Do {
	case "damage outcome":
		path := filepath.Join(task.Directory, "outcome.json")
		text, _ := os.ReadFile(path)
		_ = os.WriteFile(path, text[:len(text)/2], 0o600)
	case "die after outcome":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return plugin.Reply{Reason: reason, Error: text}
}

func (f *faulty) obey(ctx context.Context, task order) (enums.ExitReason, string) {
	_ = os.WriteFile(filepath.Join(task.Directory, "begun"), nil, 0o600)
	switch task.Do {
	case "panic":
		var pixels []int
		_ = pixels[task.Number]
	case "deadlock of maps":
		panic("fatal error")
	case "raise": // as C code or a user would
		_ = syscall.Kill(os.Getpid(), syscall.Signal(task.Number))
		select {}
	case "exit":
		os.Exit(task.Number)
	case "fail":
		return enums.ReasonFunctionError, "sigma must be positive"
	case "sleep":
		select {
		case <-time.After(task.For):
		case <-ctx.Done():
			return enums.ReasonCancelled, ctx.Err().Error()
		}
	case "ignore everything":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		time.Sleep(time.Hour)
	case "grandchild":
		child := exec.Command("/bin/sh", "-c", "setsid sleep 600 & exit 0")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); err != nil {
			return enums.ReasonFunctionError, err.Error()
		}
		if task.Number != 0 {
			os.Exit(task.Number)
		}
	case "dead grandchild":
		if err := exec.Command("/bin/sh", "-c", "setsid true & exit 0").Run(); err != nil {
			return enums.ReasonFunctionError, err.Error()
		}
		time.Sleep(50 * time.Millisecond)
	case "memory":
		eat()
	case "greedy child":
		if err := exec.Command(os.Args[0], "eat").Run(); err != nil {
			return enums.ReasonFunctionError, err.Error()
		}
	case "children":
		for n := range task.Number {
			child := exec.Command("/bin/sleep", "600")
			if err := child.Start(); err != nil {
				return enums.ReasonFunctionError, fmt.Sprintf("after %d children: %v", n, err)
			}
		}
		time.Sleep(task.For)
	case "descriptors":
		for n := 0; ; n++ {
			if _, err := os.Open(os.DevNull); err != nil {
				return enums.ReasonFunctionError, fmt.Sprintf("after %d: %v", n, err)
			}
		}
	case "log":
		line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
		for range task.Number {
			_, _ = os.Stderr.Write(line)
		}
		fmt.Fprintln(os.Stderr, "the last line")
	case "torture":
		fmt.Fprintln(os.Stderr, `{"@message": 5}`)
		fmt.Fprintln(os.Stdout, strings.Repeat("y", 10<<20))
		_, _ = os.Stderr.Write([]byte("nul \x00 and \xff\xfe not text\n"))
		fmt.Fprintln(os.Stderr, `{"@level":"error","@message":{"a":[1]},"@timestamp":7}`)
		if task.Number != 0 {
			os.Exit(task.Number)
		}
	case "resident":
		text, _ := os.ReadFile("/proc/self/status")
		kib := plugin.StatusNumber(text, "VmHWM:")
		_ = os.WriteFile(filepath.Join(task.Directory, "resident"), []byte(fmt.Sprint(kib<<10)), 0o600)
	case "say":
		fmt.Fprintf(os.Stderr, "GOMAXPROCS=%s HOME=%s SECRET=%q\n", os.Getenv("GOMAXPROCS"), os.Getenv("HOME"), os.Getenv("SECRET"))
	}
	return enums.ReasonOK, ""
}

// eat takes memory until something ends the process.
func eat() {
	var held [][]byte
	for {
		block := make([]byte, 8<<20)
		for i := range block {
			block[i] = byte(i)
		}
		held = append(held, block)
		_ = held
	}
}

// fixture is a runner with folders of its own.
type fixture struct {
	*Runner
	t      testing.TB
	folder string
	mine   *registry.Registry
}

func newFixture(t testing.TB, change func(*Options)) *fixture {
	t.Helper()
	// t.TempDir is too long for a socket.
	run, err := os.MkdirTemp("", "wh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, folder: t.TempDir(), mine: types(thing{})}
	options := Options{
		Binary: self, Args: []string{"worker"}, RunDir: run,
		Description: f.mine.Description(), Fingerprint: f.mine.Fingerprint(),
		Look: 50 * time.Millisecond,
		// The race detector sleeps for a second at every exit.
		Env: []string{"GORACE=atexit_sleep_ms=0"},
	}
	if change != nil {
		change(&options)
	}
	f.Runner, err = NewRunner(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if left := markers(f.prefix); len(left) > 0 {
			t.Errorf("processes left behind: %v", left)
		}
		if left, _ := filepath.Glob(filepath.Join(options.RunDir, "plugin-dir*")); len(left) > 0 {
			t.Errorf("sockets left behind: %v", left)
		}
	})
	return f
}

// spec is an attempt that follows the order.
func (f *fixture) spec(well string, task order) Spec {
	f.t.Helper()
	directory := filepath.Join(f.folder, well)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		f.t.Fatal(err)
	}
	task.Directory = directory
	encoded, err := json.Marshal(task)
	if err != nil {
		f.t.Fatal(err)
	}
	return Spec{
		Execution: "e1", Plate: "plate", Well: well, Attempt: 1, Task: encoded,
		Directory: directory, LogPath: filepath.Join(f.folder, "logs", well+".log"),
		Limits: Limits{Timeout: time.Minute, Grace: 2 * time.Second},
	}
}

func (f *fixture) run(spec Spec) Result {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return f.Run(ctx, spec, nil)
}

// begun waits until the worker has begun its task.
func begun(t testing.TB, spec Spec) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(filepath.Join(spec.Directory, "begun")); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("task was not begun")
		}
		time.Sleep(time.Millisecond)
	}
}
