package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// started counts how often a server on the default port became ready.
func started(w *harness.World) int {
	return strings.Count(w.Read(filepath.Join(w.Places.Logs(), "server-7777.log")), "server is ready")
}

// gone waits until no process of the world is left.
func gone(t *testing.T, w *harness.World, what string) {
	t.Helper()
	eventually(t, what, func() bool { return len(w.Processes()) == 0 })
}

// Clients that come at once where no server is start one server, which serves
// all of them and ends by itself after the last.
func TestClientsAtOnceOnAColdMachine(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	pipeline := w.Pipeline(harness.Nuclei)
	var clients []*harness.Process
	for range 3 {
		clients = append(clients, w.Start("run", small(w), "--pipeline", pipeline, "--workers", "1"))
	}
	for i, c := range clients {
		if r := c.Wait(); r.Code != 0 {
			t.Errorf("client %d ended with %d: %s%s", i, r.Code, r.Stdout, r.Stderr)
		}
	}
	gone(t, w, "the server to end after its last client")
	if n := started(w); n != 1 {
		t.Errorf("%d servers were started", n)
	}
}

// Commands in a row, however they meet the end of the server before: none is
// refused.
func TestCommandsInARow(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	folder, pipeline := small(w), w.Pipeline(harness.Nuclei)
	for _, pause := range []time.Duration{0, 700 * time.Millisecond, 1000 * time.Millisecond, 1100 * time.Millisecond, 1900 * time.Millisecond} {
		w.OK("run", folder, "--pipeline", pipeline, "--workers", "1", "--wells", "1", "--fresh")
		<-time.After(pause) // the server ends about a second later
	}
}

// A client that was killed while it waited: the run goes on to its end, and the
// server that was started for it ends by itself.
func TestClientKilledWhileWaiting(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	folder := small(w)
	run := w.Start("run", folder, "--pipeline", w.Pipeline(harness.Fault("fault_sleep", "duration: 1")), "--workers", "1")
	run.AwaitStderr(`A01`)
	run.Signal(syscall.SIGKILL)
	run.Wait()
	gone(t, w, "the server of a killed client to end")
	if table := w.Read(folder + "_wellhouse/wells.csv"); strings.Count(table, "complete") != 3 {
		t.Errorf("wells.csv: %s", table)
	}
}

// A second server on the same port or the same data is refused by name of the
// holder, and the first one notices nothing.
func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "1")
	id := w.Submit(small(w), slow)
	w.AwaitRunning(id)
	holder := fmt.Sprintf("process %d", s.Pid())
	for _, c := range []struct {
		what  string
		flags []string
	}{
		{"port 7777 is taken", []string{"--data-dir", w.Path("other")}},
		{"port 7777 is taken", []string{"--data-dir", w.Path("other"), "--transport", "tcp", "--openhcs"}},
		{"the data directory " + w.Places.State + " is taken", []string{"--port", "7801"}},
		{"`supervisor shutdown --force`", nil},
		{"choose another --port", nil},
	} {
		r := w.Want(2, append([]string{"serve"}, c.flags...)...)
		if !strings.Contains(r.Stderr, holder) || !strings.Contains(r.Stderr, c.what) {
			t.Errorf("serve %v: stderr: %s", c.flags, r.Stderr)
		}
	}
	if x := w.Status(id); x.Status != "running" {
		t.Errorf("the first server's execution is %s", x.Status)
	}
	wantPing(t, ipc(w.Places.Socket(s.Port+1000)), "second servers")
}

// Somebody who listens at our path without our locks is left alone, however
// silent; what is left of a dead one is replaced.
func TestForeignSocketIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	listen := func(path string) net.Listener {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	untouched := func(l net.Listener) {
		t.Helper()
		conn, err := net.DialTimeout("unix", l.Addr().String(), patience)
		if err != nil {
			t.Fatalf("the foreign socket is gone: %v", err)
		}
		_ = conn.Close()
		if _, err := l.Accept(); err != nil {
			t.Error(err)
		}
	}
	for _, port := range []int{7777, 8777} {
		l := listen(w.Places.Socket(port))
		r := w.Want(2, "serve")
		if !strings.Contains(r.Stderr, l.Addr().String()+" and is left alone") {
			t.Errorf("stderr: %s", r.Stderr)
		}
		untouched(l)
		l.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed
		_ = l.Close()
	}
	theirs := listen(w.Path("home", ".openhcs", "ipc", "openhcs-zmq-8777.sock"))
	s := w.Serve("--openhcs")
	untouched(theirs)
	wantPing(t, ipc(w.Places.Socket(8777)), "a foreign server at OpenHCS's path")
	if log := w.Read(filepath.Join(w.Places.Logs(), "server-7777.log")); !strings.Contains(log, "another server lives at OpenHCS's path") {
		t.Errorf("the log: %s", log)
	}
	s.Stop()
	untouched(theirs)
}

// A TCP port that somebody else has: an error that says so, and nothing is left.
func TestTakenTCPPort(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1000))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := w.Want(2, "serve", "--transport", "ipc,tcp", "--port", fmt.Sprint(port))
	if !strings.Contains(r.Stderr, "address already in use") || !strings.Contains(r.Stderr, fmt.Sprint(port+1000)) || !strings.Contains(r.Stderr, "--port") {
		t.Errorf("stderr: %s", r.Stderr)
	}
	if _, err := os.Lstat(w.Places.Socket(port)); err == nil {
		t.Error("its socket is left behind")
	}
}

// run's Ctrl-C is for its own execution: another client's goes on.
func TestInterruptIsForOneExecution(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.Serve("--workers", "2")
	other := w.Submit(small(w), slow, "--workers", "1")
	w.AwaitRunning(other)
	run := w.Start("run", small(w), "--pipeline", w.Pipeline(slow), "--workers", "1")
	id := run.AwaitStderr(`execution ([0-9a-f-]{36})`)[1]
	w.AwaitRunning(id)
	run.Signal(os.Interrupt)
	if r := run.Wait(); r.Code != 130 {
		t.Errorf("run ended with %d: %s", r.Code, r.Stderr)
	}
	if x := w.Status(id); x.Status != "cancelled" {
		t.Errorf("its execution is %s", x.Status)
	}
	if x := w.Status(other); x.Status != "running" {
		t.Errorf("the other execution is %s", x.Status)
	}
}

// run --detach leaves at once; wait brings the outcome while the plate runs, and
// also when its server has long ended.
func TestDetachAndWait(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	r := w.Want(0, "run", small(w), "--detach", "--pipeline", w.Pipeline(harness.Fault("fault_sleep", "duration: 0.5")), "--workers", "1")
	id := strings.TrimSpace(r.Stdout)
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
		t.Fatalf("run --detach printed %q", r.Stdout)
	}
	if out := w.OK("wait", id); !strings.Contains(out, "3 of 3 wells complete") {
		t.Errorf("wait: %s", out)
	}
	gone(t, w, "the server of run --detach to end")
	if out := w.OK("wait", id[:8]); !strings.Contains(out, "3 of 3 wells complete") {
		t.Errorf("wait after the server has ended: %s", out)
	}
}

// While a server ends, whoever asks gets one answer or finds nobody; nothing is
// accepted and then forgotten.
func TestRequestsWhileTheServerEnds(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	folder := small(w)
	var group sync.WaitGroup
	ids := make(chan string, 10_000)
	c, err := client.Connect(w.Context(), client.Options{Places: w.Places, Port: s.Port, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := make(chan struct{})
	for i := range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				var err error
				if i == 0 {
					var accepted message.Accepted
					accepted, err = c.Submit(ctx, message.Execute{PlateID: folder, PipelineCode: harness.Nuclei, WellFilter: "1", OutputPath: w.Path(fmt.Sprintf("out%d", n%50))})
					if err == nil {
						ids <- accepted.ExecutionID
					}
					if n == 3 {
						close(begun)
					}
				} else {
					_, err = c.Ping(ctx)
				}
				cancel()
				var refusal *message.Error
				if err != nil && !errors.As(err, &refusal) {
					return // nobody is there any more
				}
			}
		})
	}
	<-begun
	if _, err = c.Shutdown(w.Context(), true); err != nil {
		t.Error(err)
	}
	if r := s.Wait(); r.Code != 0 {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	group.Wait()
	close(ids)
	w.Serve("--workers", "1")
	for id := range ids {
		if x := w.Status(id); x.Status == "" {
			t.Errorf("execution %s was accepted and is not known", id)
		}
	}
}
