package pickle

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// python runs a script with the interpreter that OpenHCS's users have.
func python(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if _, err := exec.LookPath(interpreter); err != nil {
		t.Skip("python3 not present")
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), interpreter, append([]string{"-c", script}, arguments...)...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("python: %v\n%s", err, &stderr)
	}
	return stdout.String()
}

func TestReadsWhatPythonWrites(t *testing.T) {
	t.Parallel()
	const script = `
import pickle
shared = ["A01", "B02"]
value = {
    "type": "execute", "plate_id": "/plates/µ-plate 日本", "compile_only": False, "resume": True, "error": None,
    "ints": [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -1, -2**31, -2**31 - 1, 2**63 - 1, -2**63],
    "floats": [0.0, -1.5, 1e300], "pair": (1, 2), "empty": [(), [], {}], "long": "x" * 70000, "many": list(range(3000)),
    "once": shared, "twice": shared, "nested": {"a": {"b": [{"c": (1, 2, 3, 4)}]}},
}
for protocol in range(2, 6):
    print(pickle.dumps(value, protocol).hex())
`
	many := make([]any, 3000)
	for i := range many {
		many[i] = int64(i)
	}
	shared := []any{"A01", "B02"}
	want := map[string]any{
		"type": "execute", "plate_id": "/plates/µ-plate 日本", "compile_only": false, "resume": true, "error": nil,
		"ints": []any{int64(0), int64(1), int64(255), int64(256), int64(65535), int64(65536), int64(1<<31 - 1), int64(1 << 31),
			int64(-1), int64(-1 << 31), int64(-1<<31 - 1), int64(1<<63 - 1), int64(-1 << 63)},
		"floats": []any{0.0, -1.5, 1e300}, "pair": []any{int64(1), int64(2)}, "empty": []any{[]any{}, []any{}, map[string]any{}},
		"long": strings.Repeat("x", 70000), "many": many, "once": shared, "twice": shared,
		"nested": map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": []any{int64(1), int64(2), int64(3), int64(4)}}}}},
	}
	lines := strings.Fields(python(t, script))
	if len(lines) != 4 {
		t.Fatalf("got %d pickles", len(lines))
	}
	for i, line := range lines {
		data, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatalf("protocol %d: %v", i+2, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("protocol %d: got %.500v", i+2, got)
		}
	}
}

func TestPythonReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	data, err := Encode(map[string]any{
		"type": "pong", "ready": true, "error": nil, "uptime": 1.5, "name": "µ日本", "long": strings.Repeat("é", 300),
		"wells": []string{"A01"}, "list": []any{1, 70000, int64(1) << 40, -5, []any{}, map[string]any{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import pickle, sys
got = pickle.loads(bytes.fromhex(sys.argv[1]))
want = {"type": "pong", "ready": True, "error": None, "uptime": 1.5, "name": "µ日本", "long": "é" * 300,
        "wells": ["A01"], "list": [1, 70000, 2**40, -5, [], {}]}
assert got == want, got
assert type(got["wells"]) is list and type(got["ready"]) is bool and type(got["uptime"]) is float
`
	python(t, script, hex.EncodeToString(data))
}

func TestPythonObjectsAreRefused(t *testing.T) {
	t.Parallel()
	const script = `
import pickle, os, datetime, collections, pathlib
class Evil:
    def __reduce__(self): return (os.system, ("exit 1",))
loop = {}; loop["self"] = loop
knot = []; knot.append((knot,))
for value in [Evil(), {"a": Evil()}, datetime.datetime(2024, 1, 1), collections.OrderedDict(a=1), pathlib.Path("/a"),
              {1, 2}, frozenset({1}), b"bytes", bytearray(b"x"), {1: "a"}, {("a",): 1}, 2**64, 1 + 2j, loop, knot]:
    for protocol in range(2, 6):
        print(pickle.dumps(value, protocol).hex())
`
	for i, line := range strings.Fields(python(t, script)) {
		data, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(data); err == nil {
			t.Errorf("value %d, protocol %d was accepted as %.200v", i/4, i%4+2, got)
		}
	}
}
