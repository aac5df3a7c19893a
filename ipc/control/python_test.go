package control

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

// python starts a script that uses pyzmq, as OpenHCS's clients and servers
// do; wait returns what it printed.
func python(t *testing.T, script string, arguments ...string) (wait func() string) {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import zmq").Run(); err != nil {
		t.Skip("python3 with zmq not present")
	}
	ctx := within(t, 2*patience)
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, interpreter, append([]string{"-c", script}, arguments...)...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		if err := command.Wait(); err != nil {
			t.Fatalf("python: %v\n%s", err, &stderr)
		}
		return stdout.String()
	}
}

// A client written from the protocol alone, with pyzmq and pickle: every
// message gets its reply, in the form that such clients check, and the hostile
// ones get an error.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	at := paths(t)
	s := serve(t, at, func(r message.Request) (any, error) {
		switch r := r.(type) {
		case message.Ping:
			return pong(r)
		case message.Execute:
			return message.NewAccepted("e-1", 1), nil
		case message.RegisterProgress:
			return message.Registration{Status: message.StatusOK, Message: "registered", ClientID: r.ClientID, ProgressSubscribers: 1}, nil
		case message.Status:
			if r.ExecutionID != "e-1" {
				return nil, message.ExecutionNotFound(r.ExecutionID)
			}
			return message.ExecutionReply{Status: message.StatusOK, Execution: message.Execution{
				ExecutionID: "e-1", PlateID: "µ", Status: enums.ExecutionComplete,
				ResultsSummary: &message.Summary{WellCount: 1, Wells: []string{"A01"}},
			}}, nil
		case message.ForceShutdown:
			return message.NewShutdownAck("bye"), nil
		}
		return nil, errors.New("handler failed")
	})
	const script = `
import os, pickle, sys, zmq
context = zmq.Context()
class Evil:
    def __reduce__(self): return (os.system, ("exit 1",))
loop = {"type": "ping"}; loop["self"] = loop
deep = ()
for _ in range(500): deep = (deep,)

for protocol in range(2, 6):
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0); socket.setsockopt(zmq.RCVTIMEO, 20000)
    socket.connect(sys.argv[1])
    def raw(payload):
        socket.send(payload)
        reply = socket.recv()
        assert not socket.getsockopt(zmq.RCVMORE)
        return reply
    def ask(value): return pickle.loads(raw(pickle.dumps(value, protocol)))

    pong = ask({"type": "ping"})
    assert pong["type"] == "pong" and pong["ready"] is True and pong["server_role"] == "execution", pong
    assert pong["port"] == 7777 and pong["control_port"] == 8777 and type(pong["running_executions"]) is list, pong
    accepted = ask({"type": "execute", "plate_id": "/plates/µ", "pipeline_code": "name: x", "config_params": {}, "config_code": None})
    assert accepted == {"status": "accepted", "execution_id": "e-1", "message": "Execution queued (position: 1)"}, accepted
    assert ask({"type": "register_progress", "client_id": "c"})["client_id"] == "c"
    done = ask({"type": "status", "execution_id": "e-1"})
    assert done["status"] == "ok" and done["execution"]["status"] == "complete" and done["execution"]["plate_id"] == "µ", done
    assert done["execution"]["end_time"] is None and type(done["execution"]["results_summary"]["wells"]) is list, done

    assert ask({"type": "bogus"}) == {"status": "error", "error": "Unknown message type: bogus"}
    assert ask({"type": "execute"}) == {"status": "error", "error": "Missing field: 'plate_id'"}
    assert ask({"type": "status", "execution_id": "x"})["error"] == "Execution x not found"
    failed = ask({"type": "ps"})
    assert failed == {"status": "error", "type": "error", "message": "handler failed"}, failed
    for hostile in [Evil(), {"type": Evil()}, loop, {"type": "ping", "x": deep}, {"type": "ping", 1: 2}, [1], None, "ping", {"type": "ping", "n": 2**70}]:
        reply = ask(hostile)
        assert reply["status"] == "error" and reply["type"] == "error" and reply["message"], reply
    whole = pickle.dumps({"type": "ping", "x": "y" * 50}, protocol)
    for cut in range(2, len(whole), 7):
        assert pickle.loads(raw(whole[:cut]))["status"] == "error"
    for junk in [b"", b"\x00", b"\xff" * 100, b"{", b'{"type": "ping"', os.urandom(300).replace(b"\x80", b"")]:
        assert b'"status":"error"' in raw(junk)
    assert pickle.loads(raw(whole + whole))["status"] == "error"
    assert pickle.loads(raw(b"\x80\x04X\x00\x00\x00\x40abc"))["status"] == "error"
    assert ask({"type": "force_shutdown"}) == {"type": "shutdown_ack", "status": "success", "message": "bye"}
print("fine")
`
	if got := python(t, script, at.control)(); got != "fine\n" {
		t.Errorf("python printed %q", got)
	}
	if stats := s.Stats(); stats.Requests != stats.Replies || stats.Open != 0 || stats.Expired != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// What a Python subscriber sees is what was published.
func TestPythonSubscriber(t *testing.T) {
	t.Parallel()
	at := paths(t)
	subscribed := make(chan struct{}, 1)
	l, err := loop.Listen(loop.Options{
		Control: []loop.Endpoint{{Address: at.control}}, Data: []loop.Endpoint{{Address: at.data}},
		OnRequest: func(loop.Request) {}, OnSubscribe: func([]byte) { subscribed <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	go l.Run(context.Background())
	defer l.Close()
	const script = `
import json, sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.RCVTIMEO, 20000); socket.setsockopt_string(zmq.SUBSCRIBE, "")
socket.connect(sys.argv[1])
event = json.loads(socket.recv())
assert not socket.getsockopt(zmq.RCVMORE)
missing = [k for k in "type execution_id plate_id axis_id step_name phase status percent completed total timestamp pid".split() if k not in event]
assert not missing, missing
assert event["type"] == "progress" and event["plate_id"] == "µ" and event["axis_id"] == "", event
print("fine")
`
	wait := python(t, script, at.data)
	<-subscribed
	frame, err := (&progress.Event{Execution: "e", Plate: "µ", Phase: "compile", Status: "started"}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(frame)
	if got := wait(); got != "fine\n" {
		t.Errorf("python printed %q", got)
	}
}

// Discovery reaches a foreign server, which has a REP socket and knows
// nothing but pickles.
func TestProbeForeignServer(t *testing.T) {
	t.Parallel()
	at := paths(t)
	const script = `
import pickle, sys, zmq
context = zmq.Context()
socket = context.socket(zmq.REP)
socket.setsockopt(zmq.RCVTIMEO, 20000)
socket.bind(sys.argv[1])
assert pickle.loads(socket.recv()) == {"type": "ping"}
answer = (pickle.dumps({"type": "pong", "port": 7777, "control_port": 8777, "ready": True, "server": "ZMQExecutionServer",
    "server_role": "execution", "active_executions": 2, "uptime": 5.5, "unknown": [1, (2, 3)]}))
socket.setsockopt(zmq.RCVTIMEO, 3000) # a ping whose reply is lost is sent again after a second
try:
    while True:
        socket.send(answer)
        socket.recv()
except zmq.Again:
    pass
socket.close(20000)
context.term() # or the reply ends with the process
`
	wait := python(t, script, at.control)
	got, err := Probe(within(t, patience), at.control, Options{Codec: message.Pickle})
	if err != nil {
		t.Fatal(err)
	}
	if got.Server != "ZMQExecutionServer" || got.ActiveExecutions != 2 || got.Uptime != 5.5 || !got.Ready {
		t.Errorf("got %+v", got)
	}
	if strings.TrimSpace(wait()) != "" {
		t.Error("python printed something")
	}
}
