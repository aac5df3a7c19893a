//go:build linux

package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestOneTaskAndTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	same, err := w.Describe(within(t), "abc")
	if err != nil || same.Version != "7" || len(same.Registry) > 0 {
		t.Errorf("described as %+v, %v", same, err)
	}
	if other, err := w.Describe(within(t), "xyz"); err != nil || len(other.Registry) == 0 {
		t.Errorf("described as %+v, %v", other, err)
	}
	identity, err := w.Identify(within(t))
	if err != nil || identity.Pid != w.Pid() || identity.Marker != p.Marker || identity.State != Idle {
		t.Errorf("identified as %+v, %v", identity, err)
	}
	reply, err := w.Execute(within(t), task(""))
	if err == nil {
		t.Errorf("joined nothing: %+v", reply)
	}
	reply, err = w.Execute(within(t), task("run"))
	if err != nil || reply.Reason != enums.ReasonOK || reply.PeakMemory != 5 {
		t.Errorf("replied %+v, %v", reply, err)
	}
	if again, err := w.Execute(within(t), task("")); err != nil || again != reply {
		t.Errorf("joined: %+v, %v", again, err)
	}
	other := task("run")
	other.Well = "A02"
	if _, err := w.Execute(within(t), other); status.Code(errors.Unwrap(err)) != codes.FailedPrecondition {
		t.Errorf("a second task: %v", err)
	}
	if err := w.End("done", 10*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	if exit := p.exited(w); !exit.Known || exit.Code != 0 || exit.UserCPU+exit.SystemCPU == 0 {
		t.Errorf("exit %+v", exit)
	}
	if left, _ := filepath.Glob(filepath.Join(p.RunDir, "*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := w.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal after the end: %v", err)
	}
}

func TestReplyWithoutReasonIsInvalid(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	if reply, err := w.Execute(within(t), task("say nothing")); err != nil || reply.Reason != enums.ReasonOutputInvalid || reply.PeakMemory == 0 {
		t.Errorf("replied %+v, %v", reply, err)
	}
	_ = w.Kill()
	p.exited(w)
}

func TestPrintingNeverBlocks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	if reply, err := w.Execute(within(t), task("print")); err != nil || reply.Reason != enums.ReasonOK {
		t.Errorf("replied %+v, %v", reply, err)
	}
	_ = w.End("done", 10*time.Second, nil)
	p.exited(w)
	text, _ := os.ReadFile(p.LogPath)
	if strings.Count(string(text), "out ") != 1<<18 || strings.Count(string(text), "err ") != 1<<18 {
		t.Errorf("log has %d bytes", len(text))
	}
}

func TestLogMovesWithTheTask(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	request := task("print")
	request.Log = filepath.Join(p.folder, "another log")
	if _, err := w.Execute(within(t), request); err != nil {
		t.Fatal(err)
	}
	_ = w.Kill()
	p.exited(w)
	if text, _ := os.ReadFile(request.Log); len(text) < 2<<20 {
		t.Errorf("log has %d bytes", len(text))
	}
}

func TestStopGivesUpTheTask(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	replies := make(chan Reply, 1)
	go func() {
		reply, _ := w.Execute(context.Background(), task("wait"))
		replies <- reply
	}()
	p.has("begun")
	began := time.Now()
	if err := w.End("cancelled", 10*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
	if reply := <-replies; reply.Reason != enums.ReasonCancelled {
		t.Errorf("replied %+v", reply)
	}
	if exit := p.exited(w); exit.Code != 0 {
		t.Errorf("exit %s", exit)
	}
}

func TestTermEndsAWorker(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	if err := w.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit := p.exited(w); exit.Code != ExitIdle {
		t.Errorf("exit %s", exit)
	}
}

func TestIdleWorkerEndsWithItsServer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	if err := w.Ping(within(t)); err != nil {
		t.Fatal(err)
	}
	record := w.Record()
	w.Detach()
	p.until("the end of the worker", func() bool { return record.Alive() != nil })
	p.reap(record)
}

func TestOrphanGivesUpAfterItsGrace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	ctx, cancel := context.WithCancel(context.Background())
	called := make(chan struct{})
	go func() { defer close(called); _, _ = w.Execute(ctx, task("wait")) }()
	p.has("begun")
	record := w.Record()
	w.Detach()
	cancel()
	<-called
	p.has("gave up")
	p.until("the end of the worker", func() bool { return record.Alive() != nil })
	p.reap(record)
}

// No server is there to sweep after an orphan.
func TestOrphanTakesItsGroupAlong(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	ctx, cancel := context.WithCancel(context.Background())
	called := make(chan struct{})
	go func() { defer close(called); _, _ = w.Execute(ctx, task("leave a child")) }()
	p.has("child")
	text, err := os.ReadFile(filepath.Join(p.folder, "child"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	record := w.Record()
	w.Detach()
	cancel()
	<-called
	p.until("the end of the worker", func() bool { return record.Alive() != nil })
	if left, ok := Look(child); ok && !left.Dead() {
		t.Errorf("left behind: %+v", left)
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	p.reap(record)
}

func TestReattachWithinTheGrace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w := p.start()
	ctx, cancel := context.WithCancel(context.Background())
	called := make(chan struct{})
	go func() { defer close(called); _, _ = w.Execute(ctx, task("wait")) }()
	p.has("begun")
	record := w.Record()
	w.Detach()
	cancel()
	<-called
	again, err := Reattach(within(t), record, ReattachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := again.Identify(within(t))
	if err != nil || identity.State != Executing || identity.Well != "A01" {
		t.Errorf("identified as %+v, %v", identity, err)
	}
	if err := again.End("enough", 10*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	p.exited(again)
	if _, err := Reattach(within(t), record, ReattachOptions{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("reattached to what is gone: %v", err)
	}
}

// reap collects a child that the test's own process detached from: a real
// server would be gone.
func (p *place) reap(record Record) {
	p.t.Helper()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(record.Pid, &status, 0, nil); err != nil {
		p.t.Errorf("reap: %v", err)
	}
}

func TestSocketOfAnotherProcessIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	w, other := p.start(), p.start()
	swapped := w.Record()
	swapped.Socket = other.Record().Socket
	if _, err := (socket{path: swapped.Socket, pid: swapped.Pid}).dial(within(t), ""); err == nil || !strings.Contains(err.Error(), "belongs to process") {
		t.Errorf("dialled: %v", err)
	}
	for _, each := range []*Worker{w, other} {
		_ = each.Kill()
		p.exited(each)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*StartOptions){
		"too long":  func(o *StartOptions) { o.RunDir = "/" + strings.Repeat("x", MaxRunDir) },
		"no such":   func(o *StartOptions) { o.Binary = "/nonexistent/worker" },
		"exit code": func(o *StartOptions) { o.Binary, o.Args = "/bin/false", nil },
		"no hurry":  func(o *StartOptions) { o.Prepare = func(int) error { return errors.New("no hurry") } },
		"log":       func(o *StartOptions) { o.LogPath = o.RunDir },
		"say hello": func(o *StartOptions) {
			o.Binary, o.Args, o.Timeout = "/bin/sleep", []string{"600"}, 200*time.Millisecond
		},
		"not worker": func(o *StartOptions) { o.Binary, o.Args = "/bin/echo", []string{"not worker"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			change(&p.options)
			_, err := Start(within(t), p.options)
			var failure *StartError
			if !errors.As(err, &failure) || failure.Gone != nil {
				t.Fatalf("got %v", err)
			}
			// What a program that is no worker printed is told unless its end was seen first.
			endedFirst := name == "not worker" && strings.Contains(err.Error(), "before it said hello (exit code 0)")
			if strings.Contains(name, " ") && !strings.Contains(err.Error(), name) && name != "no such" && !endedFirst {
				t.Errorf("got %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(p.RunDir, "*")); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
	p := newPlace(t)
	ctx, cancel := context.WithCancel(context.Background())
	p.Binary, p.Args = "/bin/sleep", []string{"600"}
	p.Prepare = func(int) error { cancel(); return nil }
	if _, err := Start(ctx, p.options); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestServeByHand(t *testing.T) {
	if code := Serve(nil, ServeOptions{}); code != ExitUsage {
		t.Errorf("code %d", code)
	}
}
