package cli

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// servers are those that discovery finds in a world, by port.
func servers(t *testing.T, w *harness.World, ports ...int) map[int]client.Found {
	t.Helper()
	var list []string
	for _, p := range ports {
		list = append(list, strconv.Itoa(p))
	}
	var found []client.Found
	w.JSON(&found, "servers", "--ports", strings.Join(list, ","))
	by := map[int]client.Found{}
	for _, f := range found {
		if _, twice := by[f.Port]; twice {
			t.Errorf("port %d is listed twice: %+v", f.Port, found)
		}
		by[f.Port] = f
	}
	return by
}

func TestServersReadyActiveAndStuck(t *testing.T) {
	w := faulty(t)
	port, other := w.FreePort(), w.FreePort()
	if found := servers(t, w, port); len(found) != 0 {
		t.Fatalf("nobody is there, and %+v is found", found)
	}
	s := w.Serve("--port", strconv.Itoa(port), "--workers", "2", "--transport", "ipc,tcp")
	w.Serve("--port", strconv.Itoa(other), "--control-port", strconv.Itoa(other+500), "--data-dir", w.Path("other"))
	found := servers(t, w, port)
	f := found[port]
	if f.State != client.StateReady || f.Role != "execution" || f.PID != s.Pid() || f.Kind != "wellhouse" ||
		f.Uptime <= 0 || f.LogFile == "" || f.Version == "" || f.ControlPort != port+1000 {
		t.Errorf("found %+v", f)
	}
	if f := found[other]; f.State != client.StateReady || f.ControlPort != other+500 {
		t.Errorf("a server at a port that was not asked for is missing: %+v", found)
	}

	w.Want(0, "ping", "--port", strconv.Itoa(other)) // its control port is known by its lock

	var accepted message.Accepted
	w.JSON(&accepted, "submit", w.Plate(), "--port", strconv.Itoa(port), "-p", w.Pipeline(harness.Fault("fault_sleep", long)))
	f = servers(t, w, port)[port]
	if f.State != client.StateActive || f.Running+f.Queued != 1 {
		t.Errorf("found %+v", f)
	}
	contains(t, w.OK("servers", "--ports", strconv.Itoa(port)), "active: ", strconv.Itoa(s.Pid()))

	s.Signal(syscall.SIGSTOP)
	f = servers(t, w, port)[port]
	if f.State != client.StateUnresponsive || f.PID != s.Pid() || f.Problem == "" {
		t.Errorf("found %+v", f)
	}
	r := w.Want(3, "ping", "--port", strconv.Itoa(port))
	contains(t, r.Stderr, "process "+strconv.Itoa(s.Pid()), "supervisor ps --port")
	r = w.Want(0, "ps", "--port", strconv.Itoa(port))
	contains(t, r.Stderr, "process table", strconv.Itoa(s.Pid()))
	contains(t, r.Stdout, strconv.Itoa(s.Pid()))
	s.Signal(syscall.SIGCONT)
	w.Want(0, "ping", "--port", strconv.Itoa(port))
}

// A lock that is held while nobody answers is somebody.
func TestServersHeldLock(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	if err := w.Places.Make(); err != nil {
		t.Fatal(err)
	}
	lock, err := result.TryLock(w.Places.PortLock(port), "process 1, a test")
	if err != nil {
		t.Fatal(err)
	}
	f := servers(t, w, port)[port]
	if f.State != client.StateUnresponsive || f.PID != os.Getpid() {
		t.Errorf("found %+v", f)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	start, err := result.TryLock(w.Places.StartLock(port), "process 1, a test")
	if err != nil {
		t.Fatal(err)
	}
	if f := servers(t, w, port)[port]; f.State != client.StateStarting {
		t.Errorf("found %+v", f)
	}
	if err := start.Release(); err != nil {
		t.Fatal(err)
	}
	if found := servers(t, w, port); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// foreign is a server as OpenHCS has them: a REP socket that knows pickles alone.
const foreign = `
import os, pickle, sys, zmq
context = zmq.Context()
socket = context.socket(zmq.REP)
socket.setsockopt(zmq.RCVTIMEO, 60000)
path, port, role, silent = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "silent"
socket.bind("ipc://" + path)
print("ready", flush=True)
while True:
    try: payload = socket.recv()
    except zmq.Again: break
    if silent: continue_ = sys.stdin.read(); break
    assert payload[:1] == b"\x80", payload
    assert pickle.loads(payload)["type"] == "ping"
    socket.send(pickle.dumps({"type": "pong", "port": port, "control_port": port + 1000, "ready": True, "server": "ZMQExecutionServer",
        "server_role": role, "uptime": 5.5, "active_executions": 1, "running_executions": [{"execution_id": "e", "plate_id": "p",
        "start_time": 1.5, "elapsed": 2, "compile_only": False}], "queued_executions": []}))
`

func TestServersOfOthers(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	python(t, "import zmq")
	start := func(path string, port int, role, how string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := python(t, foreign, path, strconv.Itoa(port), role, how)
		if _, err := cmd.StdinPipe(); err != nil { // open until the test ends
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("python: %q, %v", line, err)
		}
	}
	openhcs := func(port int) string {
		return w.Path("home", ".openhcs", "ipc", "openhcs-zmq-"+strconv.Itoa(port)+".sock")
	}
	start(openhcs(40777+1000), 40777, "execution", "speaks")
	start(w.Path("home", ".zmqruntime", "ipc", "zmq-41555.sock"), 40555, "viewer", "speaks")
	start(openhcs(40888+1000), 40888, "execution", "silent")
	w.Write("home/.openhcs/ipc/openhcs-zmq-41999.sock", "") // no socket at all: nobody

	found := servers(t, w, 40777)
	if f := found[40777]; f.State != client.StateActive || f.Kind != "openhcs" || f.Server != "ZMQExecutionServer" || f.Running != 1 || f.Uptime != 5.5 {
		t.Errorf("found %+v", f)
	}
	if f := found[40555]; f.State != client.StateActive || f.Kind != "zmqruntime" || f.Role != "viewer" {
		t.Errorf("found %+v", f)
	}
	if f := found[40888]; f.State != client.StateUnresponsive {
		t.Errorf("found %+v", f)
	}
	if len(found) != 3 {
		t.Errorf("found %+v", found)
	}
}

// python is a Python process with the script, which the caller starts; the test
// is skipped where there is no Python with ZeroMQ.
func python(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import zmq").Run(); err != nil {
		t.Skip("python3 with zmq not present")
	}
	return exec.Command(interpreter, append([]string{"-c", script}, args...)...)
}

func TestPing(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve()
	contains(t, w.OK("ping"), "port 7777: ready, 0 running, 0 queued")
	var pong struct {
		message.Pong
		RoundTrip float64 `json:"round_trip"`
	}
	w.JSON(&pong, "ping")
	if !pong.Ready || pong.RoundTrip <= 0 || pong.RoundTrip > time.Minute.Seconds() {
		t.Errorf("ping --json gave %+v", pong)
	}
}

func TestShutdown(t *testing.T) {
	w := faulty(t)
	s := w.Serve("--workers", "2")
	plate := w.Plate()
	first := w.Submit(plate, harness.Fault("fault_sleep", long))
	second := w.Submit(plate, harness.Fault("fault_sleep", long), "--out", w.Path("second"))
	w.AwaitRunning(first)
	r := w.Want(0, "shutdown")
	contains(t, r.Stdout, "the server stays")
	contains(t, r.Stderr, "Waiting for")
	for _, id := range []string{first, second} {
		if x := w.Status(id); x.Status != "cancelled" {
			t.Errorf("execution %s is %s", id, x.Status)
		}
	}
	w.Want(0, "ping")

	r = w.Want(0, "shutdown", "--force")
	contains(t, r.Stdout, "has ended")
	if code := s.Wait().Code; code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	w.Want(3, "shutdown", "--force")
}
