package protocol

import (
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A frame over the limit is dropped with its connection, before it has come.
func TestOversizeFrames(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	s := w.Serve("--transport", "ipc,tcp", "--port", fmt.Sprint(port))
	overIPC := ipc(w.Places.Socket(port + 1000))
	before := resident(t, s.Pid())
	for _, endpoint := range []string{overIPC, fmt.Sprintf("tcp://127.0.0.1:%d", port+1000), ipc(w.Places.Socket(port))} {
		for _, size := range []uint64{4<<20 + 1, 1 << 30, 1 << 62} {
			kind := "DEALER"
			if endpoint == ipc(w.Places.Socket(port)) {
				kind = "SUB"
			}
			p := dial(t, endpoint, kind)
			announced := append(frame(flagMore, nil), binary.BigEndian.AppendUint64([]byte{flagLong}, size)...)
			if _, err := p.conn.Write(append(announced, pingFrame...)); err != nil {
				t.Fatal(err)
			}
			if reply, err := p.receive(patience); err == nil {
				t.Errorf("%s: %d bytes announced: the reply is %.200q", endpoint, size, reply)
			} else if isTimeout(err) {
				t.Errorf("%s: %d bytes announced: the connection is still there after %s", endpoint, size, patience)
			}
			wantPing(t, overIPC, fmt.Sprintf("%d bytes announced", size))
		}
	}
	if after := resident(t, s.Pid()); after > before+200 {
		t.Errorf("the server grew from %d to %d MiB", before, after)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // a connection's own error, never wrapped
	return ok && timeout.Timeout()
}

// A thousand connections that never speak, and some that speak nonsense, keep
// nobody from being answered, and are dropped.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	s := w.Serve("--transport", "ipc,tcp", "--port", fmt.Sprint(port))
	overIPC, overTCP := ipc(w.Places.Socket(port+1000)), fmt.Sprintf("tcp://127.0.0.1:%d", port+1000)
	before := descriptors(t, s.Pid())
	var silent []net.Conn
	words := []string{"", "", "", "", "GET / HTTP/1.1\r\n\r\n", string(greeting()), string(greeting()[:11]), "\xff", string(greeting()) + "\x04\xff\x05READY", string(greeting()) + "\x06\x00\x00\x00\x00\x00\x00\x00\x01x"}
	for i := range 1000 {
		endpoint := []string{overIPC, overTCP}[i%2]
		conn, err := connect(endpoint)
		if err != nil {
			t.Fatalf("connection %d to %s: %v", i, endpoint, err)
		}
		defer func() { _ = conn.Close() }()
		if word := words[i/2%len(words)]; word != "" {
			_, _ = conn.Write([]byte(word)) // it may be dropped already
		}
		silent = append(silent, conn)
		if i%100 == 99 {
			wantPing(t, endpoint, fmt.Sprintf("%d silent connections", i+1))
		}
	}
	if mib := resident(t, s.Pid()); mib > 500 {
		t.Errorf("the server holds %d MiB for %d connections", mib, len(silent))
	}
	buffer := make([]byte, 4096)
	end := time.Now().Add(patience)
	for i, conn := range silent {
		for {
			_ = conn.SetReadDeadline(end)
			if _, err := conn.Read(buffer); isTimeout(err) {
				t.Fatalf("connection %d, which says %q, was not dropped within %s", i, words[i/2%len(words)], patience)
			} else if err != nil {
				break
			}
		}
	}
	t.Logf("%d descriptors before, %d after", before, descriptors(t, s.Pid()))
	eventually(t, "the server to close what it dropped", func() bool { return descriptors(t, s.Pid()) <= before+5 })
	wantPing(t, overTCP, "all of them were dropped")
}

// Clients that die between request and reply, in the middle of a frame and in
// the middle of a message leave nothing behind.
func TestClientsThatDie(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	endpoint := ipc(w.Places.Socket(s.Port + 1000))
	before := descriptors(t, s.Pid())
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 25 {
				p := dial(t, endpoint, "REQ")
				whole := append(frame(flagMore, nil), frame(0, pingFrame)...)
				_, _ = p.conn.Write(whole[:len(whole)-i]) // with i = 0 the whole request
				_ = p.conn.Close()
			}
		})
	}
	group.Wait()
	wantPing(t, endpoint, "200 clients that died")
	eventually(t, "the server to close what died", func() bool { return descriptors(t, s.Pid()) <= before+3 })
}

// Requests that nobody reads the replies of: the server keeps no more than it
// must, and others are served.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	endpoint := ipc(w.Places.Socket(s.Port + 1000))
	p := dial(t, endpoint, "DEALER")
	request := append(frame(flagMore, nil), frame(0, pingFrame)...)
	sent := 0
	for range 20_000 {
		_ = p.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := p.conn.Write(request); err != nil {
			break // the server stopped reading: that bounds it too
		}
		sent++
	}
	wantPing(t, endpoint, fmt.Sprintf("%d requests whose replies nobody reads", sent))
	if mib := resident(t, s.Pid()); mib > 600 {
		t.Errorf("the server holds %d MiB after %d requests", mib, sent)
	}
}

// Junk on the sockets that are not for requests: subscriptions that are none,
// and progress of no worker.
func TestJunkOnDataAndProgress(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	control, data := ipc(w.Places.Socket(s.Port+1000)), ipc(w.Places.Socket(s.Port))
	progress, err := filepath.Glob(filepath.Join(w.Places.Run, "w*", "progress.sock"))
	if err != nil || len(progress) != 1 {
		t.Fatalf("the workers' socket: %v, %v", progress, err)
	}
	for range 20 {
		sub := dial(t, data, "SUB")
		for _, f := range []string{"", "\x00", "\x01", "\x02junk", "\x01" + strings.Repeat("t", 4000), "\x00never subscribed"} {
			if err := sub.send([]byte(f)); err != nil {
				t.Fatal(err)
			}
		}
		push := dial(t, ipc(progress[0]), "PUSH")
		for _, f := range []string{"", "junk", strings.Repeat("\xff", 1000), "\x0a\x01e\x3a\x04init\x42\x07started", strings.Repeat("\x0a\xff", 10000)} {
			if err := push.send([]byte(f)); err != nil {
				t.Fatal(err)
			}
		}
		if err := push.send(make([][]byte, 20)...); err != nil {
			t.Fatal(err)
		}
	}
	wantPing(t, control, "junk on data and progress")
	if x := w.AwaitEnd(w.Submit(small(w), harness.Nuclei)); x.Status != "complete" {
		t.Errorf("a plate ended as %s afterwards", x.Status)
	}
}

// Whoever subscribes over and over makes the server repeat itself no more than
// a few times a second, and hears nothing old after something new.
func TestSubscribingOverAndOver(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	x := w.AwaitEnd(w.Submit(small(w), harness.Nuclei))
	known := len(x.Wells) + 1
	p := dial(t, ipc(w.Places.Socket(s.Port)), "SUB")
	start := time.Now()
	for range 2000 {
		if err := p.send([]byte("\x01")); err != nil {
			t.Fatal(err)
		}
	}
	heard := 0
	for {
		if _, err := p.receive(500 * time.Millisecond); err != nil {
			break
		}
		heard++
	}
	if most := known * (2 + int(time.Since(start)/(100*time.Millisecond))); heard < known || heard > most {
		t.Errorf("2000 subscriptions made the server tell %d events, not between %d and %d", heard, known, most)
	}
	wantPing(t, ipc(w.Places.Socket(s.Port+1000)), "2000 subscriptions")
}
