package progress

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample() *Event {
	return &Event{
		Execution: "e1", Plate: "/plates/p1", Well: "A01", Attempt: 2, Sequence: 7, Step: "smooth",
		Phase: "pattern_group", Status: "running", Percent: 12.5, Completed: 1, Total: 8,
		Timestamp: 1700000000.25, Pid: 42,
		Component: "1", Pattern: "A01_s1", Message: "µm",
		WorkerAssignments: map[string]*Wells{"worker_0": {Names: []string{"A01", "A02"}}},
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*Event)
		want   string
	}{
		"fine":                {func(*Event) {}, ""},
		"no execution":        {func(e *Event) { e.Execution = "" }, "execution is missing"},
		"unknown phase":       {func(e *Event) { e.Phase = "bogus" }, "bogus"},
		"unknown status":      {func(e *Event) { e.Status = "bogus" }, "bogus"},
		"percent above":       {func(e *Event) { e.Percent = 100.1 }, "percent"},
		"percent below":       {func(e *Event) { e.Percent = -1 }, "percent"},
		"percent not a one":   {func(e *Event) { e.Percent = math.NaN() }, "percent"},
		"more than all":       {func(e *Event) { e.Completed = 9 }, "completed"},
		"timestamp not a one": {func(e *Event) { e.Timestamp = math.Inf(1) }, "timestamp"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := sample()
			c.change(event)
			err := event.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

// Clients reject an event that lacks one of these, also when it is empty.
func TestJSONHasEveryMandatoryField(t *testing.T) {
	t.Parallel()
	frame, err := (&Event{Execution: "e", Phase: "init", Status: "started"}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(frame, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields("type execution_id plate_id axis_id step_name phase status percent completed total timestamp pid") {
		if _, ok := fields[name]; !ok {
			t.Errorf("field %s is missing in %s", name, frame)
		}
	}
	if len(fields) != 12 {
		t.Errorf("empty optional fields are sent: %s", frame)
	}
}

func TestEventSurvivesBothForms(t *testing.T) {
	t.Parallel()
	event := sample()
	frame, err := event.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(event, decoded) {
		t.Errorf("protobuf: got %v, want %v", decoded, event)
	}
	if frame, err = event.JSON(); err != nil {
		t.Fatal(err)
	}
	if decoded, err = ParseJSON(frame); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(event, decoded) {
		t.Errorf("JSON: got %v, want %v", decoded, event)
	}
}

func TestTimeSurvives(t *testing.T) {
	t.Parallel()
	want := time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)
	if got := Time(Seconds(want)); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	frame, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, frame []byte) {
		event, err := Decode(frame)
		if err != nil {
			return
		}
		if _, err := event.JSON(); err != nil {
			t.Fatalf("a valid event has no JSON form: %v", err)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	frame, err := sample().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, frame []byte) {
		event, err := ParseJSON(frame)
		if err != nil {
			return
		}
		if _, err := event.JSON(); err != nil {
			t.Fatalf("a valid event has no JSON form: %v", err)
		}
	})
}
