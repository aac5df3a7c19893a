package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// unicode is the opcode for a text.
func unicode(s string) []byte {
	return join([]byte{'X'}, binary.LittleEndian.AppendUint32(nil, uint32(len(s))), []byte(s))
}

// pickled is a protocol 2 pickle of what the given opcodes make.
func pickled(opcodes ...[]byte) []byte {
	return join([]byte("\x80\x02"), join(opcodes...), []byte("."))
}

// asPing wraps a value into {"type": "ping", "x": value}.
func asPing(value []byte) []byte {
	return pickled([]byte("}("), unicode("type"), unicode("ping"), unicode("x"), value, []byte("u"))
}

// doubled is a list that holds the one before it twice, n times over: 2^n leaves.
func doubled(n int) []byte {
	var b []byte
	b = append(b, "]q\x00"...)
	for i := range n {
		b = append(b, fmt.Sprintf("](h%ch%ceq%c", i, i, i+1)...)
	}
	return b
}

// undecodable are payloads that no server should make sense of.
func undecodable(marker string) map[string][]byte {
	call := func(opcodes string) []byte { return asPing([]byte(opcodes)) }
	shell := "cposix\nsystem\n"
	command := string(unicode("touch " + marker))
	valid, _ := message.EncodeRequest(message.Pickle, message.Execute{PlateID: "/p", PipelineCode: "name: x"})
	cases := map[string][]byte{
		"a dict in itself":             pickled([]byte("}q\x00"), unicode("a"), []byte("h\x00s")),
		"a list in itself":             asPing([]byte("]q\x00h\x00a")),
		"aliases that unfold":          asPing(doubled(40)),
		"a million nested tuples":      asPing(join([]byte("N"), repeated("\x85", 1_000_000))),
		"a million nested lists":       asPing(repeated("](", 500_000)),
		"nested tuples as a key":       pickled([]byte("}("), []byte("N"), repeated("\x85", 1_000_000), []byte("Nu")),
		"a giant LONG4":                asPing(join([]byte("\x8b\x00\x00\x30\x00"), repeated("\x7f", 3<<20))),
		"a giant LONG1":                asPing(join([]byte("\x8a\xff"), repeated("\x7f", 255))),
		"a LONG of a negative size":    asPing([]byte("\x8b\xff\xff\xff\xff")),
		"a decimal LONG":               asPing(join([]byte("L"), repeated("9", 3<<20), []byte("L\n"))),
		"a decimal INT":                asPing(join([]byte("I"), repeated("9", 1<<20), []byte("\n"))),
		"a text of 4 GB":               asPing([]byte("X\xff\xff\xff\xffa")),
		"a text of 2^63 bytes":         asPing([]byte("\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa")),
		"a frame of 2^60 bytes":        []byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x10}."),
		"a pickle in bytes":            asPing(join([]byte("B"), binary.LittleEndian.AppendUint32(nil, uint32(len(valid))), valid)),
		"a pickle in a pickle":         asPing(valid),
		"GLOBAL and REDUCE":            call(shell + "(" + command + "tR"),
		"STACK_GLOBAL and REDUCE":      join([]byte("\x80\x04"), unicode("posix"), unicode("system"), []byte("\x93("), []byte(command), []byte("tR.")),
		"INST":                         call("(" + command + "iposix\nsystem\n"),
		"OBJ":                          call("(" + shell + command + "o"),
		"NEWOBJ":                       call("cbuiltins\nobject\n)\x81"),
		"BUILD":                        call("cbuiltins\nobject\n)\x81}b"),
		"EXT1":                         call("\x82\x01"),
		"a persistent id":              call("Pposix.system\n"),
		"a binary persistent id":       call("K\x01Q"),
		"NEXT_BUFFER":                  join([]byte("\x80\x05"), []byte("\x97.")),
		"a million not-a-number keys":  pickled(join([]byte("}("), repeated("G\x7f\xf8\x00\x00\x00\x00\x00\x00N", 200_000), []byte("u"))),
		"a number as key":              pickled([]byte("}K\x01Ns")),
		"two values":                   []byte("\x80\x02}}."),
		"bytes after the end":          append(pickled([]byte("}")), "more"...),
		"a pickle after the end":       append(pickled([]byte("}")), valid...),
		"a pickled list":               pickled([]byte("]")),
		"a pickled None":               pickled([]byte("N")),
		"protocol 255":                 []byte("\x80\xff}."),
		"protocol 0":                   []byte("(dp0\n."),
		"text that is not UTF-8":       asPing([]byte("X\x02\x00\x00\x00\xff\xfe")),
		"half a surrogate pair":        asPing([]byte("X\x03\x00\x00\x00\xed\xa0\x80")),
		"a memo from nowhere":          asPing([]byte("h\x09")),
		"a memo far away":              asPing([]byte("]r\xff\xff\xff\x7f")),
		"only the protocol":            []byte("\x80\x02"),
		"a mark without an end":        []byte("\x80\x02("),
		"a million marks":              join([]byte("\x80\x02"), repeated("(", 1_000_000)),
		"a million values":             asPing(join([]byte("("), repeated("N", 1_000_000), []byte("l"))),
		"nested JSON":                  join([]byte(`{"type":"ping","x":`), repeated("[", 1_000_000)),
		"nested JSON objects":          repeated(`{"a":`, 200_000),
		"a JSON number out of range":   []byte(`{"type":"ping","x":1e99999}`),
		"a JSON number of a megabyte":  join([]byte(`{"type":"ping","x":1`), repeated("0", 1<<20), []byte("}")),
		"a million JSON values":        join([]byte(`{"type":"ping","x":[`), repeated("0,", 1_000_000), []byte("0]}")),
		"a JSON list":                  []byte(`["ping"]`),
		"JSON null":                    []byte(`null`),
		"two JSON objects":             []byte(`{"type":"ping"}{"type":"ping"}`),
		"half a JSON object":           []byte(`{"type":"pi`),
		"a byte-order mark":            []byte("\xef\xbb\xbf{\"type\":\"ping\"}"),
		"JSON with not-a-number":       []byte(`{"type":"ping","x":NaN}`),
		"HTTP":                         []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a zero byte":                  {0},
		"spaces":                       repeated(" ", 1<<20),
		"no type":                      []byte(`{}`),
		"a type that is a list":        []byte(`{"type":["ping"]}`),
		"a type of a megabyte":         join([]byte(`{"type":"`), repeated("x", 1<<20), []byte(`"}`)),
		"a type of zero bytes":         []byte(`{"type":"ping\u0000"}`),
		"a plate of 4 MB that is none": join([]byte(`{"type":"execute","pipeline_code":"x","config_params":{},"plate_id":"`), repeated("x", 3<<20), []byte(`"}`)),
		"a client of 4 MB":             join([]byte(`{"type":"register_progress","client_id":"`), repeated("x", 3<<20), []byte(`"}`)),
		"an execution of 4 MB":         join([]byte(`{"type":"status","execution_id":"`), repeated("x", 3<<20), []byte(`"}`)),
	}
	for i := 2; i < len(valid); i += 7 {
		cases[fmt.Sprintf("a pickle cut at byte %d", i)] = valid[:i]
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		junk := make([]byte, 1+random.IntN(1<<(i%14)))
		for j := range junk {
			junk[j] = byte(random.Uint32())
		}
		switch i % 3 {
		case 1:
			junk[0] = 0x80
		case 2:
			junk = append([]byte("\x80\x04"), junk...)
		}
		cases[fmt.Sprintf("%d random bytes, no. %d", len(junk), i)] = junk
	}
	return cases
}

// Whatever comes, each message gets one error reply, the server answers pings
// and keeps its memory; nothing that was sent is ever called.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	s := w.Serve("--transport", "ipc,tcp", "--port", fmt.Sprint(port), "--workers", "1")
	overIPC, overTCP := ipc(w.Places.Socket(port+1000)), fmt.Sprintf("tcp://127.0.0.1:%d", port+1000)
	marker := w.Path("called")
	for name, payload := range undecodable(marker) {
		text := wantOneError(t, overIPC, name, nil, payload)
		if text == "" || len(text) > 2000 {
			t.Errorf("%s: the error has %d bytes: %.200s", name, len(text), text)
		}
		wantPing(t, overTCP, name)
	}
	for name, frames := range map[string][][]byte{
		"an empty request":             {nil, nil},
		"a delimiter alone":            {nil},
		"two empty frames and a text":  {nil, nil, []byte("x")},
		"a request of two frames":      {nil, pingFrame, pingFrame},
		"a request of a hundred":       slices.Repeat([][]byte{pingFrame}, 100),
		"a hundred empty frames":       make([][]byte, 100),
		"an id without a delimiter":    {[]byte("id"), pingFrame},
		"an id, a delimiter, no frame": {[]byte("id"), nil},
		"no delimiter and no sense":    {[]byte("nonsense")},
		"an id of a megabyte":          {repeated("i", 1<<20), nil, []byte("x")},
	} {
		for _, endpoint := range []string{overIPC, overTCP} {
			wantOneError(t, endpoint, name, frames...)
			wantPing(t, overIPC, name)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a received pickle was executed")
	}
	if mib := resident(t, s.Pid()); mib > 700 {
		t.Errorf("the server holds %d MiB afterwards", mib)
	}
}

// A request without the delimiter is answered as it came: without.
func TestNoDelimiterNoDelimiter(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	p := dial(t, ipc(w.Places.Socket(s.Port+1000)), "DEALER")
	for _, c := range []struct{ sent, want [][]byte }{
		{[][]byte{pingFrame}, [][]byte{nil}},
		{[][]byte{nil, pingFrame}, [][]byte{{}, nil}},
		{[][]byte{[]byte("one"), []byte("two"), nil, pingFrame}, [][]byte{[]byte("one"), []byte("two"), {}, nil}},
	} {
		if err := p.send(c.sent...); err != nil {
			t.Fatal(err)
		}
		reply, err := p.receive(patience)
		if err != nil || len(reply) != len(c.want) || fields(t, pingFrame, reply[len(reply)-1])["type"] != "pong" {
			t.Fatalf("%q is answered by %.300q, %v", c.sent, reply, err)
		}
		for i, f := range c.want[:len(c.want)-1] {
			if string(reply[i]) != string(f) {
				t.Errorf("%q is answered by %.300q", c.sent, reply)
			}
		}
	}
}

// Every field of every request, with every type of value that it does not have.
func TestWrongTypesInEveryField(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "1")
	endpoint := ipc(w.Places.Socket(s.Port + 1000))
	known := map[string][]string{
		"execute": {
			"plate_id", "pipeline_code", "config_params", "config_code", "pipeline_config_code", "client_address", "execution_plate_id",
			"selected_pipeline_path", "compile_only", "compile_artifact_id", "output_path", "well_filter", "workers", "priority", "retries", "resume", "submission_id",
		},
		"status": {"execution_id"}, "cancel": {"execution_id"}, "results": {"execution_id"}, "retry": {"execution_id", "failed_only", "submission_id"},
		"register_progress": {"client_id"}, "unregister_progress": {"client_id"},
		"history": {"limit", "plate_id"},
	}
	right := map[string]any{
		"plate_id": w.Path("no-plate"), "pipeline_code": "name: x", "config_params": map[string]any{}, "execution_id": "x", "client_id": "x",
	}
	deep := any(map[string]any{})
	for range 50 {
		deep = map[string]any{"a": deep}
	}
	values := []any{
		nil, true, false, int64(0), int64(-1), int64(1) << 62, 1.5, math.Copysign(0, -1), "", "text", "a\x00b", strings.Repeat("x", 1<<16), "../../../etc", "\u202e",
		[]any{}, []any{int64(1)}, []any{"A01", nil}, map[string]any{}, map[string]any{"a": []any{}}, deep,
	}
	p := dial(t, endpoint, "REQ")
	asked := 0
	for kind, names := range known {
		for _, name := range names {
			for _, value := range values {
				for _, codec := range []message.Codec{message.JSON, message.Pickle} {
					request := map[string]any{"type": kind, name: value}
					for _, n := range names {
						if v, ok := right[n]; ok && n != name {
							request[n] = v
						}
					}
					payload, err := codec.Encode(request)
					if err != nil {
						t.Fatal(err)
					}
					reply := p.ask(t, payload)
					asked++
					switch status := fields(t, payload, reply)["status"]; status {
					case "ok", "accepted", "error":
					default:
						t.Errorf("%s with %s = %.100v: the reply's status is %v", kind, name, value, status)
					}
					if len(reply) > 256<<10 {
						t.Errorf("%s with %s = %.100v: the reply has %d bytes", kind, name, value, len(reply))
					}
				}
			}
		}
	}
	t.Logf("%d requests", asked)
	wantPing(t, endpoint, "wrong types everywhere")
}
