package loop

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

func TestRequestAndReply(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	client := dial(t, zmq.REQ, s.control)
	for range 3 {
		if got := ask(t, client, "hello"); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
	if stats := s.Stats(); stats.Requests != 3 || stats.Replies != 3 || stats.Open != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// Replies come from other goroutines in any order and find their clients.
func TestRepliesFindTheirClients(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	var s *server
	s = serve(t, Options{OnRequest: func(r Request) {
		group.Go(func() { s.Reply(r, append([]byte("re:"), r.Payload...)) })
	}})
	const clients, each = 8, 100
	failures := make(chan string, clients*each)
	var asking sync.WaitGroup
	for c := range clients {
		client := dial(t, zmq.REQ, s.control)
		asking.Go(func() {
			for i := range each {
				payload := strings.Repeat("x", c*each+i+1)
				if _, err := client.Send(payload, 0); err != nil {
					failures <- err.Error()
					return
				}
				if got, err := client.Recv(0); err != nil || got != "re:"+payload {
					failures <- "wrong reply"
					return
				}
			}
		})
	}
	asking.Wait()
	group.Wait()
	close(failures)
	for failure := range failures {
		t.Error(failure)
	}
}

// Every message that arrives gets exactly one reply, in the form in which it
// came: with the delimiter, and what stood before it, or without.
func TestEveryMessageGetsExactlyOneReply(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	const bad = "\x00" // stands for an error reply
	many := make([]string, 100)
	cases := map[string]struct{ send, want []string }{
		"with delimiter":                {[]string{"", "a"}, []string{"", "a"}},
		"without delimiter":             {[]string{"a"}, []string{"a"}},
		"with correlation id":           {[]string{"id", "", "a"}, []string{"id", "", "a"}},
		"with two hops":                 {[]string{"x", "y", "", "a"}, []string{"x", "y", "", "a"}},
		"empty, no delimiter":           {[]string{""}, []string{bad}},
		"empty, with delimiter":         {[]string{"", ""}, []string{"", bad}},
		"hop without payload":           {[]string{"x", ""}, []string{"x", "", bad}},
		"two frames, no delimiter":      {[]string{"a", "b"}, []string{bad}},
		"two frames, with delimiter":    {[]string{"", "a", "b"}, []string{"", bad}},
		"empty frames only":             {[]string{"", "", ""}, []string{"", bad}},
		"payload and empty":             {[]string{"", "a", ""}, []string{"", bad}},
		"a hundred empty frames":        {many, []string{"", bad}},
		"a hop that is too long":        {[]string{strings.Repeat("x", 300), "", "a"}, []string{bad}},
		"more hops than anybody has":    {strings.Split("abcdefghijklmnop", ""), []string{bad}},
		"a delimiter after many a hop":  {append(strings.Split("abcdefghijklmnop", ""), "", "a"), []string{bad}},
		"binary junk":                   {[]string{"\xff\xfe\x00"}, []string{"\xff\xfe\x00"}},
		"pickle header, with delimiter": {[]string{"", "\x80\x04"}, []string{"", "\x80\x04"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client := dial(t, zmq.DEALER, s.control)
			send(t, client, c.send)
			got := receiveParts(t, client)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, want := range c.want {
				if want == bad {
					failure(t, got[i])
				} else if got[i] != want {
					t.Fatalf("part %d: got %q, want %q", i, got[i], want)
				}
			}
			// A second reply would come before this one.
			send(t, client, "", "next")
			if got := receiveParts(t, client); len(got) != 2 || got[1] != "next" {
				t.Fatalf("after the reply came %q", got)
			}
		})
	}
}

func TestErrorRepliesUseTheRequestsCodec(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	client := dial(t, zmq.DEALER, s.control)
	send(t, client, "", "\x80\x04N.", "junk")
	reply := receiveParts(t, client)[1]
	if message.CodecOf([]byte(reply)) != message.Pickle {
		t.Fatalf("got %q", reply)
	}
	err := message.DecodeReply([]byte(reply), nil)
	if err == nil || !strings.Contains(err.Error(), "several frames") {
		t.Errorf("got %v", err)
	}
}

// A frame over the limit ends its connection, and nobody else notices.
func TestOversizeFrameIsDropped(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{MaxMessage: 1000})
	big := dial(t, zmq.DEALER, s.control, func(s *zmq.Socket) error { return s.SetRcvtimeo(100 * time.Millisecond) })
	send(t, big, "", strings.Repeat("x", 1001))
	client := dial(t, zmq.REQ, s.control)
	if got := ask(t, client, strings.Repeat("x", 1000)); len(got) != 1000 {
		t.Errorf("got %d bytes", len(got))
	}
	if got, err := big.RecvMessage(0); err == nil {
		t.Errorf("the oversize frame got a reply: %q", got)
	}
	if got := s.Stats().Requests; got != 1 {
		t.Errorf("%d requests were received", got)
	}
}

// Whoever forgets to answer is answered for.
func TestSilentHandlerIsAnsweredFor(t *testing.T) {
	t.Parallel()
	requests := make(chan Request, 2)
	s := serve(t, Options{ReplyTimeout: 50 * time.Millisecond, OnRequest: func(r Request) { requests <- r }})
	client := dial(t, zmq.REQ, s.control)
	if text := failure(t, ask(t, client, "{}")); !strings.Contains(text, "no answer within 50ms") {
		t.Errorf("got %q", text)
	}
	if s.Reply(wait(t, requests, "the request"), []byte("late")) {
		t.Error("the late reply was taken")
	}
	reply := ask(t, client, "\x80\x04N.")
	if message.CodecOf([]byte(reply)) != message.Pickle {
		t.Errorf("got %q to a pickle", reply)
	}
	if stats := s.Stats(); stats.Expired != 2 || stats.Late != 1 || stats.Open != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestSecondReplyIsRefused(t *testing.T) {
	t.Parallel()
	taken := make(chan bool, 2)
	var s *server
	s = serve(t, Options{OnRequest: func(r Request) {
		taken <- s.Reply(r, []byte("one"))
		taken <- s.Reply(r, []byte("two"))
	}})
	client := dial(t, zmq.REQ, s.control)
	if got := ask(t, client, "x"); got != "one" {
		t.Errorf("got %q", got)
	}
	if first, second := wait(t, taken, "the first"), wait(t, taken, "the second"); !first || second {
		t.Errorf("first %v, second %v", first, second)
	}
}

func TestTooManyOpenRequests(t *testing.T) {
	t.Parallel()
	requests := make(chan Request, 10)
	s := serve(t, Options{MaxOpen: 2, OnRequest: func(r Request) { requests <- r }})
	client := dial(t, zmq.DEALER, s.control)
	for range 3 {
		send(t, client, "x")
	}
	if text := failure(t, receiveParts(t, client)[0]); !strings.Contains(text, "busy") {
		t.Errorf("got %q", text)
	}
	for range 2 {
		s.Reply(wait(t, requests, "a request"), []byte("ok"))
		if got := receiveParts(t, client)[0]; got != "ok" {
			t.Errorf("got %q", got)
		}
	}
	send(t, client, "x")
	s.Reply(wait(t, requests, "the request after"), []byte("ok"))
	receiveParts(t, client)
}

// A client that asks without end is told that it is too much; others are served.
func TestOneClientDoesNotKeepOthersOut(t *testing.T) {
	t.Parallel()
	greedy := make(chan Request, maxOpenOfOne)
	var s *server
	s = serve(t, Options{MaxOpen: 2 * maxOpenOfOne, OnRequest: func(r Request) {
		if string(r.Payload) == "more" {
			greedy <- r
			return
		}
		s.Reply(r, r.Payload)
	}})
	client := dial(t, zmq.DEALER, s.control)
	const sent = maxOpenOfOne + 100
	for range sent {
		send(t, client, "more")
	}
	for range sent - maxOpenOfOne {
		if text := failure(t, receiveParts(t, client)[0]); !strings.Contains(text, "busy") {
			t.Fatalf("got %q", text)
		}
	}
	if got := ask(t, dial(t, zmq.REQ, s.control), "x"); got != "x" {
		t.Errorf("another client got %q", got)
	}
	for range maxOpenOfOne {
		s.Reply(wait(t, greedy, "a request"), []byte("ok"))
	}
	for range maxOpenOfOne {
		receiveParts(t, client)
	}
	send(t, client, "x")
	if got := receiveParts(t, client)[0]; got != "x" {
		t.Errorf("afterwards it got %q", got)
	}
}

// When the loop ends, what is open is answered and what was answered leaves.
func TestEndAnswersWhatIsOpen(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	address := ipcPrefix + filepath.Join(t.TempDir(), "c")
	requests := make(chan Request, 2)
	l, err := Listen(Options{Control: []Endpoint{{Address: address}}, OnRequest: func(r Request) { requests <- r }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	answered, forgotten := dial(t, zmq.REQ, address), dial(t, zmq.REQ, address)
	send(t, forgotten, "x")
	wait(t, requests, "the first request")
	send(t, answered, "x")
	l.Reply(wait(t, requests, "the second request"), []byte("bye"))
	stop()
	if err := wait(t, done, "the loop to end"); err != nil {
		t.Error(err)
	}
	if got := receiveParts(t, answered)[0]; got != "bye" {
		t.Errorf("got %q", got)
	}
	if text := failure(t, receiveParts(t, forgotten)[0]); !strings.Contains(text, "stopping") {
		t.Errorf("got %q", text)
	}
	if l.Reply(Request{ID: 1}, nil) {
		t.Error("a reply was taken after the end")
	}
	l.Publish(nil)
	l.Close()
	if err := l.Run(context.Background()); err == nil {
		t.Error("the loop ran twice")
	}
}

func TestCloseWithoutRun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c")
	l, err := Listen(Options{Control: []Endpoint{{Address: ipcPrefix + path}}, OnRequest: func(Request) {}})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	l.Close()
	if err := l.Run(context.Background()); err == nil {
		t.Error("a closed loop ran")
	}
}

// A client that dies between request and reply costs its reply only.
func TestClientDiesBeforeTheReply(t *testing.T) {
	t.Parallel()
	requests := make(chan Request, 1)
	s := serve(t, Options{OnRequest: func(r Request) { requests <- r }})
	zctx, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	dying, err := zctx.NewSocket(zmq.REQ)
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.Connect(s.control); err != nil {
		t.Fatal(err)
	}
	send(t, dying, "x")
	request := wait(t, requests, "the request")
	_ = dying.SetLinger(0)
	_ = dying.Close()
	_ = zctx.Term()
	s.Reply(request, []byte("for nobody"))
	client := dial(t, zmq.REQ, s.control)
	send(t, client, "x")
	s.Reply(wait(t, requests, "the next request"), []byte("ok"))
	if got := receiveParts(t, client)[0]; got != "ok" {
		t.Errorf("got %q", got)
	}
}

// Connections that never speak are dropped, and nobody waits for them.
func TestSilentConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Handshake: 500 * time.Millisecond})
	path := strings.TrimPrefix(s.control, ipcPrefix)
	const count = 300
	silent := make([]net.Conn, count)
	for i := range silent {
		connection, err := net.DialTimeout("unix", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		silent[i] = connection
	}
	client := dial(t, zmq.REQ, s.control)
	if got := ask(t, client, "x"); got != "x" {
		t.Errorf("got %q", got)
	}
	buffer := make([]byte, 1024)
	for i, connection := range silent {
		_ = connection.SetReadDeadline(time.Now().Add(patience))
		for {
			if _, err := connection.Read(buffer); os.IsTimeout(err) {
				t.Fatalf("connection %d was not dropped", i)
			} else if err != nil {
				break
			}
		}
	}
}

// Beyond the limit connections are dropped: those first that said nothing, so
// that others still come in.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 20
	s := serve(t, Options{MaxConnections: limit, Handshake: 5 * time.Minute}) // no silent one goes by itself
	path := strings.TrimPrefix(s.control, ipcPrefix)
	var open atomic.Int64
	var group sync.WaitGroup
	defer group.Wait()
	for i := range 10 * limit {
		connection, err := net.DialTimeout("unix", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		open.Add(1)
		group.Go(func() { // ends when either side closes
			_, _ = io.Copy(io.Discard, connection)
			open.Add(-1)
		})
		if i%limit == 0 {
			if got := ask(t, dial(t, zmq.REQ, s.control), "x"); got != "x" {
				t.Errorf("a new client got %q", got)
			}
		}
	}
	deadline := time.After(patience)
	for open.Load() > limit {
		select {
		case <-deadline:
			t.Fatalf("%d connections are open, the limit is %d", open.Load(), limit)
		case <-time.After(time.Millisecond):
		}
	}
	if s.Stats().Crowded < 9*limit {
		t.Errorf("%d connections were dropped", s.Stats().Crowded)
	}
}

func TestPeerOfAnIPCClient(t *testing.T) {
	t.Parallel()
	requests := make(chan Request, 1)
	s := serve(t, Options{OnRequest: func(r Request) { requests <- r }})
	client := dial(t, zmq.REQ, s.control)
	send(t, client, "x")
	request := wait(t, requests, "the request")
	s.Reply(request, nil)
	want := Peer{Address: request.Peer.Address, Known: true, UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid()}
	if request.Peer != want {
		t.Errorf("got %+v, want %+v", request.Peer, want)
	}
}

func TestParsePeer(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]Peer{
		"127.0.0.1":            {Address: "127.0.0.1"},
		"::1":                  {Address: "::1"},
		"localhost:1000:100:7": {Address: "localhost", Known: true, UID: 1000, GID: 100, PID: 7},
		":1000:100:7":          {Known: true, UID: 1000, GID: 100, PID: 7},
		"a:b:c:d":              {Address: "a:b:c:d"},
		"":                     {},
	} {
		if got := parsePeer(address, ""); got != want {
			t.Errorf("%q: got %+v, want %+v", address, got, want)
		}
	}
}
