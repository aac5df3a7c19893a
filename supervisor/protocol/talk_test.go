package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/pickle"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// quick is how long a ping may take while something hostile goes on. It is far
// above what is seen, since machines under test are busy.
const quick = 3 * time.Second

var pingFrame = []byte(`{"type":"ping"}`)

// fields reads a reply in the codec that its request had.
func fields(t testing.TB, request, reply []byte) map[string]any {
	t.Helper()
	if message.CodecOf(reply) != message.CodecOf(request) {
		t.Fatalf("the reply's codec is not its request's: %.100q", reply)
	}
	if message.CodecOf(reply) == message.Pickle {
		value, err := pickle.Decode(reply)
		entries, ok := value.(map[string]any)
		if err != nil || !ok {
			t.Fatalf("the reply is no pickled dict: %v: %.300q", err, reply)
		}
		return entries
	}
	var entries map[string]any
	if err := json.Unmarshal(reply, &entries); err != nil {
		t.Fatalf("the reply is no JSON object: %v: %.300q", err, reply)
	}
	return entries
}

// wantPing pings over a connection of its own and expects the pong quickly.
func wantPing(t testing.TB, endpoint, after string) {
	t.Helper()
	start := time.Now()
	p := dial(t, endpoint, "REQ")
	defer func() { _ = p.conn.Close() }()
	if reply := fields(t, pingFrame, p.ask(t, pingFrame)); reply["type"] != "pong" {
		t.Fatalf("after %s a ping's reply is %v", after, reply)
	}
	if took := time.Since(start); took > quick {
		t.Errorf("after %s a ping took %s", after, took)
	}
}

// wantOneError sends a message and expects exactly one reply to it, an error:
// what comes next on the connection is the answer to a ping. The texts of the
// error are returned.
func wantOneError(t testing.TB, endpoint, name string, frames ...[]byte) string {
	t.Helper()
	text, status := oneReply(t, endpoint, name, frames...)
	if status != "error" {
		t.Errorf("%s: the reply is %s, not an error: %.300s", name, status, text)
	}
	return text
}

// oneReply sends a message and returns the error or message text of its one
// reply, and the reply's status.
func oneReply(t testing.TB, endpoint, name string, frames ...[]byte) (text, status string) {
	t.Helper()
	p := dial(t, endpoint, "DEALER")
	defer func() { _ = p.conn.Close() }()
	if err := p.send(frames...); err != nil {
		t.Fatalf("%s: send: %v", name, err)
	}
	reply, err := p.receive(patience)
	if err != nil {
		t.Fatalf("%s: waited %s for a reply: %v", name, patience, err)
	}
	if !slices.ContainsFunc(frames, func(f []byte) bool { return len(f) == 0 }) && len(reply) != 1 {
		t.Fatalf("%s: a message without a delimiter got a reply of %d frames: %.200q", name, len(reply), reply)
	}
	if err := p.send(nil, pingFrame); err != nil {
		t.Fatalf("%s: send a ping: %v", name, err)
	}
	pong, err := p.receive(patience)
	if err != nil || len(pong) != 2 || fields(t, pingFrame, pong[1])["type"] != "pong" {
		t.Fatalf("%s: after its reply and a ping comes %.300q, %v", name, pong, err)
	}
	entries := fields(t, reply[len(reply)-1], reply[len(reply)-1])
	for _, key := range []string{"error", "message"} {
		if s, ok := entries[key].(string); ok && text == "" {
			text = s
		}
	}
	return text, fmt.Sprint(entries["status"])
}

// resident is the memory that a process holds, in MiB.
func resident(t testing.TB, pid int) int {
	t.Helper()
	return statusField(t, pid, "VmRSS:") >> 10
}

// descriptors is the number of files that a process has open.
func descriptors(t testing.TB, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func statusField(t testing.TB, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/status has no %s", pid, name)
	return 0
}

// eventually waits until a condition holds that nothing tells of, such as what
// the kernel says of another process.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	end := time.NewTimer(harness.Patience)
	defer end.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-end.C:
			t.Fatalf("waited %s for %s", harness.Patience, what)
		case <-tick.C:
		}
	}
}

// repeated is n times the same bytes.
func repeated(text string, n int) []byte { return bytes.Repeat([]byte(text), n) }
