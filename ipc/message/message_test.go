package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/pickle"
)

func number(n int) *int  { return &n }
func truth(b bool) *bool { return &b }

func requests() []Request {
	return []Request{
		Ping{}, Shutdown{}, ForceShutdown{}, Ps{},
		Execute{PlateID: "/p", PipelineCode: "name: x", ConfigParams: map[string]any{}},
		Execute{
			PlateID: "/plates/µ", PipelineCode: "name: x", ConfigParams: map[string]any{"workers": int64(2), "stall": "90s", "keep": true},
			ConfigCode: "c", PipelineConfigCode: "pc", ClientAddress: "here", ExecutionPlateID: "p", SelectedPipelinePath: "/x.yaml",
			CompileArtifactID: "a", OutputPath: "/out", WellFilter: "A01:B02", Workers: 3, Priority: -2, Retries: number(0), Resume: truth(false),
		},
		Status{}, Status{ExecutionID: "e"}, Cancel{ExecutionID: "e"},
		RegisterProgress{ClientID: "c"}, UnregisterProgress{ClientID: "c"},
		Retry{ExecutionID: "e", FailedOnly: true}, Retry{ExecutionID: "e", SubmissionID: "0d8a8e0e-3c3c-4b0e-9a62-0c5f0f0a4b11"}, Results{ExecutionID: "e"},
		History{}, History{Limit: 3, PlateID: "/p"},
	}
}

func TestRequestsSurviveBothCodecs(t *testing.T) {
	t.Parallel()
	for _, codec := range []Codec{JSON, Pickle} {
		for _, want := range requests() {
			frame, err := EncodeRequest(codec, want)
			if err != nil {
				t.Fatal(err)
			}
			in, err := Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			if in.Codec != codec {
				t.Errorf("%s came as %v, not %v", in.Type, in.Codec, codec)
			}
			got, err := in.Request()
			if err != nil {
				t.Fatalf("%s: %v", in.Type, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v: got %#v, want %#v", codec, got, want)
			}
		}
	}
}

// The texts that existing clients know, and the others of the same kind.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	execute := func(changes ...any) map[string]any {
		fields := map[string]any{"type": "execute", "plate_id": "p", "pipeline_code": "c", "config_params": map[string]any{}}
		for i := 0; i < len(changes); i += 2 {
			if name := changes[i].(string); changes[i+1] == "absent" {
				delete(fields, name)
			} else {
				fields[name] = changes[i+1]
			}
		}
		return fields
	}
	cases := []struct {
		fields map[string]any
		want   string
	}{
		{map[string]any{"type": "bogus"}, "Unknown message type: bogus"},
		{map[string]any{}, "Missing field: 'type'"},
		{map[string]any{"type": ""}, "Missing required field: type"},
		{map[string]any{"type": nil}, "Missing required field: type"},
		{map[string]any{"type": 5}, "Invalid field: 'type' must be text, not a number"},
		{execute("plate_id", "absent"), "Missing field: 'plate_id'"},
		{execute("plate_id", ""), "Missing required field: plate_id"},
		{execute("plate_id", nil), "Missing required field: plate_id"},
		{execute("plate_id", 7), "Invalid field: 'plate_id' must be text, not a number"},
		{execute("plate_id", "a\x00b"), "Invalid field: 'plate_id' must not contain zero bytes"},
		{execute("pipeline_code", "absent"), "Missing field: 'pipeline_code'"},
		{execute("plate_id", "", "pipeline_code", "absent"), "Missing field: 'pipeline_code'"},
		{execute("config_params", "absent"), "Missing config: provide either config_params or config_code"},
		{execute("config_params", nil), "Missing config: provide either config_params or config_code"},
		{execute("config_params", "x"), "Invalid field: 'config_params' must be a dict, not text"},
		{execute("config_params", "absent", "config_code", "x"), ""},
		{execute("config_params", "absent", "config_code", []any{}), "Invalid field: 'config_code' must be text, not a list"},
		{execute("compile_only", true, "compile_artifact_id", "a"), "compile_only and compile_artifact_id cannot both be set"},
		{execute("compile_only", 1), "Invalid field: 'compile_only' must be true or false, not a number"},
		{execute("output_path", "relative"), "Invalid field: 'output_path' must be an absolute path, not relative"},
		{execute("workers", 1.5), "Invalid field: 'workers' must be a whole number, not a number"},
		{execute("workers", 2.0), ""},
		{execute("workers", -1), "Invalid field: 'workers' must be between 0 and 4096, not -1"},
		{execute("workers", "2"), "Invalid field: 'workers' must be a whole number, not text"},
		{execute("retries", 101), "Invalid field: 'retries' must be between 0 and 100, not 101"},
		{execute("resume", "yes"), "Invalid field: 'resume' must be true or false, not text"},
		{execute("well_filter", 3), ""},
		{execute("well_filter", []any{"A01", "B02"}), ""},
		{execute("well_filter", []any{"A01", 2}), "Invalid field: 'well_filter[1]' must be text, not a number"},
		{execute("well_filter", true), "Invalid field: 'well_filter' must be text, a list of wells or the number of first wells, not true or false"},
		{execute("something_else", map[string]any{}), ""},
		{execute("plate_id", "/"+strings.Repeat("x", 4096)), "Invalid field: 'plate_id' must have at most 4096 bytes, not 4097"},
		{execute("well_filter", strings.Repeat("x", 1<<16+1)), "Invalid field: 'well_filter' must have at most 65536 bytes, not 65537"},
		{map[string]any{"type": "register_progress", "client_id": strings.Repeat("x", 257)}, "Invalid field: 'client_id' must have at most 256 bytes, not 257"},
		{map[string]any{"type": "status", "execution_id": strings.Repeat("x", 300)}, "Invalid field: 'execution_id' must have at most 256 bytes, not 300"},
		{map[string]any{"type": "cancel"}, "Missing field: 'execution_id'"},
		{map[string]any{"type": "cancel", "execution_id": ""}, "Missing required field: execution_id"},
		{map[string]any{"type": "status", "execution_id": 1}, "Invalid field: 'execution_id' must be text, not a number"},
		{map[string]any{"type": "register_progress"}, "Missing field: 'client_id'"},
		{map[string]any{"type": "history", "limit": 0}, "Invalid field: 'limit' must be between 1 and 100000, not 0"},
	}
	for _, codec := range []Codec{JSON, Pickle} {
		for _, c := range cases {
			frame, err := codec.Encode(c.fields)
			if err != nil {
				t.Fatal(err)
			}
			in, err := Decode(frame)
			if err == nil {
				_, err = in.Request()
			}
			if c.want == "" {
				if err != nil {
					t.Errorf("%v %v: %v", codec, c.fields, err)
				}
				continue
			}
			var invalid *Invalid
			if !errors.As(err, &invalid) || err.Error() != c.want {
				t.Errorf("%v %v: got %v, want %s", codec, c.fields, err, c.want)
			}
		}
	}
}

func TestWellFilterForms(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{"A01,B02": []any{"A01", "B02"}, "4": int64(4), "row:A": "row:A", "": nil} {
		r := reader{fields: map[string]any{"f": value}}
		if got := r.wells("f"); got != want || r.err() != nil {
			t.Errorf("%v: got %q, %v", value, got, r.err())
		}
	}
}

func TestUndecodablePayloads(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("[", pickle.MaxDepth+1) + strings.Repeat("]", pickle.MaxDepth+1)
	for name, payload := range map[string]string{
		"empty": "", "random": "\x00\xff\x12", "text": `"ping"`, "list": `[1]`, "number": `1`, "null": `null`,
		"cut": `{"type": "ping"`, "two": `{"type":"ping"}{}`, "comma": `{"type":"ping",}`, "NaN": `{"type":"ping","x":NaN}`,
		"huge number": `{"type":"ping","x":1e999}`, "deep": `{"type":"ping","x":` + long + `}`,
		"many": `{"type":"ping","x":[` + strings.Repeat("0,", pickle.MaxValues) + `0]}`,
		"long": `{"type":"` + strings.Repeat("x", pickle.MaxSize) + `"}`,
		"open": strings.Repeat("[", 1<<20), "cut pickle": "\x80\x04}", "pickled list": "\x80\x04].", "global": "\x80\x04cos\nsystem\n.",
	} {
		in, err := Decode([]byte(payload))
		if err == nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		var reply Failure
		frame := EncodeError(in.Codec, err)
		if CodecOf(frame) != CodecOf([]byte(payload)) {
			t.Errorf("%s is answered in another codec", name)
		}
		if in.Codec == JSON {
			if err := json.Unmarshal(frame, &reply); err != nil {
				t.Fatal(err)
			}
			if reply.Status != "error" || reply.Type != "error" || reply.Message == "" || len(reply.Message) > 300 {
				t.Errorf("%s: reply %+v", name, reply)
			}
		}
		var remote *Error
		if err := DecodeReply(frame, nil); !errors.As(err, &remote) || remote.Text == "" {
			t.Errorf("%s: a client reads %v", name, err)
		}
	}
}

func TestErrorReplies(t *testing.T) {
	t.Parallel()
	cases := map[string]error{
		`{"error":"Execution e not found","error_code":"not_found","status":"error"}`:          fmt.Errorf("look up: %w", ExecutionNotFound("e")),
		`{"error":"Unknown message type: bogus","status":"error"}`:                             UnknownType("bogus"),
		`{"message":"disk full","status":"error","type":"error"}`:                              errors.New("disk full"),
		`{"error":"Unknown message type: ` + strings.Repeat("é", 100) + `…","status":"error"}`: UnknownType(strings.Repeat("é", 5000)),
	}
	for want, err := range cases {
		if got := string(EncodeError(JSON, err)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What clients check of a pong, and what they iterate over without asking.
func TestPongOnTheWire(t *testing.T) {
	t.Parallel()
	memory := 12.0
	pong := Pong{
		Type: TypePong, Port: 1, ControlPort: 1001, Ready: true, Server: "ExecutionServer", ServerRole: enums.RoleExecution,
		MemoryMB: &memory, Workers: []Worker{{PID: 7, Status: "running", CPUPercent: 1, MemoryMB: 2, CreateTime: 3}},
	}
	for _, codec := range []Codec{JSON, Pickle} {
		frame, err := codec.Encode(pong)
		if err != nil {
			t.Fatal(err)
		}
		fields, err := codec.fields(frame)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"type", "port", "control_port", "ready", "server", "server_role"} {
			if fields[name] == nil {
				t.Errorf("%v: %s is missing", codec, name)
			}
		}
		for _, name := range []string{"running_executions", "queued_executions"} {
			if list, ok := fields[name].([]any); !ok || len(list) != 0 {
				t.Errorf("%v: %s is %v, not an empty list", codec, name, fields[name])
			}
		}
		worker := fields["workers"].([]any)[0].(map[string]any)
		if len(worker) != 5 {
			t.Errorf("%v: worker has fields that clients reject: %v", codec, worker)
		}
		var back Pong
		if err := DecodeReply(frame, &back); err != nil {
			t.Fatal(err)
		}
		if back.ServerRole != pong.ServerRole || *back.MemoryMB != memory || back.Workers[0] != pong.Workers[0] {
			t.Errorf("%v: got %+v", codec, back)
		}
	}
}

func TestExecutionOnTheWire(t *testing.T) {
	t.Parallel()
	execution := Execution{ExecutionID: "e", Status: enums.ExecutionQueued, StartTime: Seconds(time.Time{}), Error: Text("")}
	fields, err := plain(ExecutionReply{StatusOK, execution})
	if err != nil {
		t.Fatal(err)
	}
	wire := fields.(map[string]any)["execution"].(map[string]any)
	for _, name := range strings.Fields("execution_id plate_id client_address status start_time end_time error compile_only") {
		if _, ok := wire[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range strings.Fields("client_address start_time end_time error") {
		if wire[name] != nil {
			t.Errorf("%s is %v, not None", name, wire[name])
		}
	}
	if wire["status"] != "queued" {
		t.Errorf("status is %v", wire["status"])
	}
	for _, name := range strings.Fields("traceback results_summary") {
		if _, ok := wire[name]; ok {
			t.Errorf("%s is there without content", name)
		}
	}
}

// Both codecs must send the same fields: plain is held against encoding/json.
func TestPlainFollowsJSONTags(t *testing.T) {
	t.Parallel()
	seconds := 1.5
	for _, value := range []any{
		Pong{Type: TypePong, ServerRole: enums.RoleViewer, Workers: []Worker{{PID: 1}}, RunningExecutions: []RunningExecution{}, QueuedExecutions: []QueuedExecution{}, ProcessIdentity: &ProcessIdentity{1, 2}},
		NewAccepted("e", 1), NewShutdownAck("bye"), Done{StatusOK, "m", 1},
		HistoryReply{StatusOK, []Execution{{StartTime: &seconds, ResultsSummary: &Summary{Wells: []string{"A01"}, Counts: map[string]int{"Nuclei": 3}}}}},
		PsReply{StatusOK, Process{PID: 1, Children: []Process{{PID: 2, Well: "A01"}}}},
		Registration{Status: StatusOK, Events: []map[string]any{{"percent": 1.0}}},
	} {
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := plain(value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(want, &a) != nil || json.Unmarshal(got, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, codec := range []Codec{JSON, Pickle} {
		for _, request := range requests() {
			frame, err := EncodeRequest(codec, request)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(frame)
		}
	}
	f.Add([]byte(`{"type":"execute","plate_id":1,"config_params":[{}],"well_filter":{}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		in, err := Decode(frame)
		var request Request
		if err == nil {
			request, err = in.Request()
		}
		if err != nil {
			var remote *Error
			if !errors.As(DecodeReply(EncodeError(in.Codec, err), nil), &remote) {
				t.Fatal("an error has no error reply")
			}
			return
		}
		again, err := EncodeRequest(in.Codec, request)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		got, err := back.Request()
		if err != nil {
			t.Fatalf("read what was encoded: %v", err)
		}
		if !reflect.DeepEqual(withoutParams(got), withoutParams(request)) {
			t.Fatalf("got %#v, want %#v", got, request)
		}
	})
}

// withoutParams leaves out what may change its type on the way (1.0 is 1 in
// JSON) or differs from itself (NaN).
func withoutParams(request Request) Request {
	if e, ok := request.(Execute); ok {
		e.ConfigParams = nil
		return e
	}
	return request
}
