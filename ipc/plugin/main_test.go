//go:build linux

package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// The test binary is the worker too.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "worker" {
		options := ServeOptions{HelloTimeout: 20 * time.Second, OrphanGrace: 300 * time.Millisecond, Linger: 5 * time.Second}
		os.Exit(Serve(&echo{folder: os.Args[2]}, options))
	}
	goleak.VerifyTestMain(m)
}

// echo does what its task says and leaves traces in a folder.
type echo struct{ folder string }

func (e *echo) Describe(string) Description {
	return Description{Version: "7", Fingerprint: "abc", Registry: []byte(`{"types":[]}`), Functions: []string{"gaussian"}}
}

func (e *echo) Execute(ctx context.Context, request Request) Reply {
	e.leave("begun", request.Well)
	switch string(request.Task) {
	case "wait":
		<-ctx.Done()
		e.leave("gave up", ctx.Err().Error())
		return Reply{Reason: enums.ReasonCancelled}
	case "print":
		// More than any pipe holds; with nobody reading this must not block.
		fmt.Println(strings.Repeat("out ", 1<<18))
		fmt.Fprintln(os.Stderr, strings.Repeat("err ", 1<<18))
	case "leave a child":
		// Without the marker, and orphaned: its group alone tells whose it is.
		child := exec.Command("/bin/sh", "-c", `/bin/sleep 600 & echo $! > child.new; /bin/mv child.new child`)
		child.Dir, child.Env = e.folder, []string{"PATH=/"}
		if err := child.Run(); err != nil {
			return Reply{Reason: enums.ReasonFunctionError, Error: err.Error()}
		}
		<-ctx.Done()
		return Reply{Reason: enums.ReasonCancelled}
	case "say nothing":
		return Reply{}
	}
	return Reply{Reason: enums.ReasonOK, PeakMemory: 5}
}

func (e *echo) leave(name, text string) {
	_ = os.WriteFile(filepath.Join(e.folder, name), []byte(text), 0o600)
}

type place struct {
	t      *testing.T
	folder string
	options
}

type options = StartOptions

func newPlace(t *testing.T) *place {
	t.Helper()
	run, err := os.MkdirTemp("", "wh") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, folder: t.TempDir()}
	p.options = StartOptions{
		Binary: self, Args: []string{"worker", p.folder}, RunDir: run, Marker: "test/" + filepath.Base(run),
		LogPath: filepath.Join(p.folder, "log"), Env: []string{"GORACE=atexit_sleep_ms=0"},
	}
	return p
}

func (p *place) start() *Worker {
	p.t.Helper()
	w, err := Start(context.Background(), p.options)
	if err != nil {
		p.t.Fatal(err)
	}
	return w
}

// has waits for a trace of the worker.
func (p *place) has(name string) {
	p.t.Helper()
	p.until(name, func() bool {
		_, err := os.Stat(filepath.Join(p.folder, name))
		return err == nil
	})
}

func (p *place) until(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			p.t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// exited waits for the end and releases.
func (p *place) exited(w *Worker) Exit {
	p.t.Helper()
	select {
	case <-w.Exited():
	case <-time.After(20 * time.Second):
		p.t.Fatal("worker does not end")
	}
	w.Release()
	return w.Exit()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func task(what string) Request {
	return Request{Execution: "e1", Well: "A01", Attempt: 1, Task: []byte(what)}
}
