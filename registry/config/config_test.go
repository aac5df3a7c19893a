package config_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
)

// Viewer stands for another package's settings; it has one of every kind.
type Viewer struct {
	Port  int             `json:"port" min:"1" max:"65535" doc:"where it listens"`
	Title string          `json:"title" doc:"what its window says"`
	Scale float64         `json:"scale"`
	Gain  float32         `json:"gain"`
	Small int8            `json:"small"`
	On    bool            `json:"on"`
	Wait  config.Duration `json:"wait"`
	Cache config.Bytes    `json:"cache"`
	Type  enums.PixelType `json:"pixel_type"`
}

func viewerDefaults() Viewer {
	return Viewer{Port: 7777, Title: "off: #1", Scale: 1, Type: enums.Uint16}
}

func viewerSchema(t testing.TB) *config.Schema {
	t.Helper()
	s := config.NewSchema()
	if err := s.Inject("viewer", "guest.viewer.ViewerConfig", config.ScopePipeline, viewerDefaults()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	r, err := config.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	want := config.Global{Pipeline: config.Pipeline{
		Retries: 2, Timeout: config.Duration(time.Hour), Stall: config.Duration(2 * time.Minute),
		OpenFiles: 1024, Processes: 256, Grace: config.Duration(10 * time.Second), LogLevel: enums.LogInfo,
	}}
	for name, r := range map[string]config.Resolved{"resolved": r, "zero": {}} {
		if r.Global() != want || r.Pipeline() != want.Pipeline || r.Step() != want.Step {
			t.Errorf("%s: got %+v", name, r.Global())
		}
		var keys []string
		for _, v := range r.Explain() {
			keys = append(keys, v.Key)
			if v.Origin != "default" || v.Set {
				t.Errorf("%s: %+v", name, v)
			}
		}
		if got, want := strings.Join(keys, " "), "workers threads retries timeout stall memory open_files processes grace log_level keep"; got != want {
			t.Errorf("keys are %s\nwant %s", got, want)
		}
	}
}

func TestLaterLayersWinAndValuesKnowTheirOrigin(t *testing.T) {
	t.Parallel()
	global, err := config.Parse("/etc/wellhouse.yaml", []byte("workers: 4\nthreads: 2\nretries: 2\ntimeout: 90s\nkeep: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	pipeline := config.Layer{
		Scope: config.ScopePipeline, Origin: "pipeline file nuclei.yaml",
		Set:       map[string]any{"threads": int64(3), "keep": false, "memory": "2GiB"},
		Positions: map[string]string{"threads": "nuclei.yaml:3:5", "keep": "nuclei.yaml:4:5"},
	}
	step := config.Layer{Scope: config.ScopeStep, Origin: "step nuclei", Set: map[string]any{"keep": true}, Positions: map[string]string{"keep": "nuclei.yaml:12:9"}}
	set, err := config.ParseSet("retries=0")
	if err != nil {
		t.Fatal(err)
	}
	flag := config.Layer{Scope: config.ScopeGlobal, Origin: "flag --workers", Set: map[string]any{"workers": 8}}
	r, err := config.Resolve(global, pipeline, step, set, flag)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range r.Explain() {
		if v.Set {
			got[v.Key] = v.Value + " from " + v.Origin
		} else if v.Origin != "default" {
			t.Errorf("%+v", v)
		}
	}
	want := map[string]string{
		"workers": "8 from flag --workers",
		"threads": "3 from pipeline file nuclei.yaml:3",
		"memory":  "2GiB from pipeline file nuclei.yaml",
		"retries": "0 from --set",
		"timeout": "1m30s from global file /etc/wellhouse.yaml:4",
		"keep":    "true from step nuclei (nuclei.yaml:12)",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if g := r.Global(); g.Workers != 8 || g.Threads != 3 || g.Memory != 2<<30 || g.Retries != 0 || g.Timeout.Std() != 90*time.Second || !r.Step().Keep {
		t.Errorf("values are %+v", g)
	}
}

// An explicit value wins over what is above it even when it equals the default.
func TestExplicitValueIsNotInheritedEvenWhenEqual(t *testing.T) {
	t.Parallel()
	above := config.Layer{Scope: config.ScopeGlobal, Origin: "global file g", Set: map[string]any{"retries": 5}}
	equal := config.Layer{Scope: config.ScopePipeline, Origin: "pipeline file p", Set: map[string]any{"retries": 2}}
	unset := config.Layer{Scope: config.ScopePipeline, Origin: "pipeline file p"}
	for _, tc := range []struct {
		layer config.Layer
		want  int
	}{{equal, 2}, {unset, 5}} {
		r, err := config.Resolve(above, tc.layer)
		if err != nil || r.Pipeline().Retries != tc.want {
			t.Errorf("got %d, %v, want %d", r.Pipeline().Retries, err, tc.want)
		}
	}
	r, err := config.Resolve(equal)
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Export(r, false)
	if want := "type: wellhouse.config.GlobalConfig\nretries: 2\n"; err != nil || string(text) != want {
		t.Errorf("exported %q, %v, want %q", text, err, want)
	}
}

func TestResolveReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := config.Resolve(
		config.Layer{Scope: config.ScopePipeline, Origin: "pipeline file p.yaml",
			Set: map[string]any{"retrys": 1, "workers": 2, "timeout": 90, "keep": "yes", "threads": -1, "log_level": "warning",
				"memory": "2Gb2", "open_files": 1.5, "grace": "1h", "processes": uint64(math.MaxUint64), "stall": nil},
			Positions: map[string]string{"retrys": "p.yaml:3:5"}},
		config.Layer{Scope: "sted", Origin: "x"},
	)
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`pipeline file p.yaml: grace: 1h is above the greatest value, 10m`,
		`pipeline file p.yaml: keep: "yes" is not a true|false`,
		`pipeline file p.yaml: log_level: unknown value "warning": did you mean "warn"? (valid: `,
		`pipeline file p.yaml: memory: "2Gb2" is not an amount of memory: write a number with its unit`,
		`pipeline file p.yaml: open_files: 1.5 is not a whole number`,
		`pipeline file p.yaml: processes: 18446744073709551615 is not a whole number`,
		`p.yaml:3:5: unknown setting "retrys": did you mean "retries"? (valid: retries, `,
		`pipeline file p.yaml: stall: the value is null; leave the setting out`,
		`pipeline file p.yaml: threads: -1 is below the least value, 0`,
		`pipeline file p.yaml: timeout: "90" is not a duration: write a number with its unit, such as 90s`,
		`pipeline file p.yaml: workers cannot be set for a pipeline, only at the scope global`,
		`x: unknown scope "sted": did you mean "step"?`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %d problems:\n%v", len(lines), err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got  %s\nwant %s", lines[i], want[i])
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, setting := range viewerSchema(t).Settings() {
		for i, scope := range []string{config.ScopeGlobal, config.ScopePipeline, config.ScopeStep} {
			want := i <= slices.Index([]string{config.ScopeGlobal, config.ScopePipeline, config.ScopeStep}, setting.Scope)
			value := map[string]any{"pixel_type": "uint8", "log_level": "info"}[setting.Key[strings.LastIndex(setting.Key, ".")+1:]]
			if value == nil {
				value = map[string]any{"true|false": true, "duration": "5s", "memory": "1GiB", "text": "x"}[setting.Kind]
			}
			if value == nil {
				value = 100
			}
			_, err := viewerSchema(t).Resolve(config.Layer{Scope: scope, Set: map[string]any{setting.Key: value}})
			if (err == nil) != want {
				t.Errorf("%s set for a %s: %v", setting.Key, scope, err)
			}
		}
		if setting.Doc == "" && !strings.HasPrefix(setting.Key, "viewer.") {
			t.Errorf("%s is not explained", setting.Key)
		}
	}
}

func TestParseSet(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	for _, tc := range []struct{ text, want string }{
		{"workers=4", "workers: 4"},
		{" timeout = 5m ", "timeout: 5m"},
		{"keep=true", "keep: true"},
		{"viewer.title=5", "viewer.title: 5"}, // text needs no quotes here
		{"viewer.title=a=b", "viewer.title: a=b"},
		{"viewer.scale=1", "viewer.scale: 1.0"},
		{"viewer.pixel_type=uint8", "viewer.pixel_type: uint8"},
		{"workers", "--set: \"workers\" is not key=value"},
		{"worker=4", `--set: unknown setting "worker": did you mean "workers"?`},
		{"workers=four", `--set: workers: "four" is not a whole number`},
		{"keep=yes", `--set: keep: "yes" is not a true|false`},
		{"viewer.port=0", "--set: viewer.port: 0 is below the least value, 1"},
		{"viewer.port=70000", "--set: viewer.port: 70000 is above"},
		{"viewer.small=128", "--set: viewer.small: 128 is not a whole number"},
		{"threads=5000", "--set: threads: 5000 is above the greatest value, 4096"},
		{"processes=9223372036854775807", "--set: processes: 9223372036854775807 is above the greatest value, 4194304"},
		{"viewer.scale=NaN", "--set: viewer.scale: NaN is out of range"},
		{"viewer.title=\xff", "--set: viewer.title: the text is not UTF-8"},
	} {
		l, err := s.ParseSet(tc.text)
		got := ""
		if err != nil {
			got = err.Error()
		} else if r, err := s.Resolve(l); err != nil {
			got = err.Error()
		} else {
			for _, v := range r.Explain() {
				if v.Set {
					got += v.Key + ": " + v.Value
				}
			}
		}
		if !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got %s\nwant %s", tc.text, got, tc.want)
		}
	}
}

func TestInjectedSection(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	l, err := s.Parse("g.yaml", []byte("viewer:\n  port: 5000\n  title: \"5\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(l)
	if err != nil {
		t.Fatal(err)
	}
	want := viewerDefaults()
	want.Port, want.Title = 5000, "5"
	if got, ok := r.Section("viewer"); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := r.Section("nothing"); ok {
		t.Error("a section that is not there")
	}
	for name, err := range map[string]error{
		"same name":   s.Inject("viewer", "x.Y", config.ScopeGlobal, Viewer{Port: 1, Type: enums.Uint8}),
		"a setting":   s.Inject("workers", "x.Y", config.ScopeGlobal, Viewer{Port: 1, Type: enums.Uint8}),
		"type":        s.Inject("type", "x.Y", config.ScopeGlobal, Viewer{Port: 1, Type: enums.Uint8}),
		"dotted":      s.Inject("a.b", "x.Y", config.ScopeGlobal, Viewer{Port: 1, Type: enums.Uint8}),
		"scope":       s.Inject("x", "x.Y", "plate", Viewer{Port: 1, Type: enums.Uint8}),
		"bad default": s.Inject("x", "x.Y", config.ScopeGlobal, Viewer{Type: enums.Uint8}),
		"no struct":   s.Inject("x", "x.Y", config.ScopeGlobal, 1),
		"no settings": s.Inject("x", "x.Y", config.ScopeGlobal, struct{}{}),
		"no scalar":   s.Inject("x", "x.Y", config.ScopeGlobal, struct{ F func() }{}),
		"unexported":  s.Inject("x", "x.Y", config.ScopeGlobal, struct{ f int }{1}),
		"bad tag": s.Inject("x", "x.Y", config.ScopeGlobal, struct {
			F int `min:"a"`
		}{}),
		"nothing at all": s.Inject("x", "x.Y", config.ScopeGlobal, nil),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The names of the layered forms, injected ones too, are the home packages'.
func TestRegisteredNames(t *testing.T) {
	t.Parallel()
	r := registry.New()
	s := viewerSchema(t)
	for range 2 { // twice is the same
		if err := s.Register(r); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"guest.viewer.LayeredViewerConfig", "guest.viewer.ViewerConfig",
		"wellhouse.config.GlobalConfig", "wellhouse.config.LayeredGlobalConfig",
		"wellhouse.config.LayeredPipelineConfig", "wellhouse.config.LayeredStepConfig",
		"wellhouse.config.PipelineConfig", "wellhouse.config.StepConfig",
	}
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, x := range r.Description().Types {
		last := x.Fields[len(x.Fields)-1]
		if x.Name == "wellhouse.config.LayeredPipelineConfig" && (last.Name != "viewer" || last.Type != "*guest.viewer.LayeredViewerConfig") {
			t.Errorf("the injected field is %+v", last)
		}
		if x.Name == "wellhouse.config.LayeredStepConfig" && last.Name != "keep" {
			t.Errorf("a pipeline's section was injected into the step: %+v", last)
		}
	}
	plain := registry.New()
	if err := config.Register(plain); err != nil {
		t.Fatal(err)
	}
	if plain.Fingerprint() == r.Fingerprint() {
		t.Error("the fingerprint does not cover injected fields")
	}
}

func TestLayersTravelWithUnsetAsUnset(t *testing.T) {
	t.Parallel()
	s, r := viewerSchema(t), registry.New()
	if err := s.Register(r); err != nil {
		t.Fatal(err)
	}
	for scope, set := range map[string]map[string]any{
		config.ScopeGlobal:   {"workers": 0, "viewer.title": "", "viewer.cache": config.Bytes(5)},
		config.ScopePipeline: {"timeout": config.Duration(0), "log_level": enums.LogWarn},
		config.ScopeStep:     {"keep": false},
	} {
		text, err := s.Pack(r, config.Layer{Scope: scope, Set: set})
		if err != nil {
			t.Fatal(err)
		}
		if prefix := `{"type":"wellhouse.config.Layered`; !strings.HasPrefix(string(text), prefix) {
			t.Errorf("packed as %s", text)
		}
		l, err := s.Unpack(r, text, "client")
		if err != nil || l.Scope != scope || l.Origin != "client" || !reflect.DeepEqual(l.Set, set) {
			t.Errorf("%s came back as %+v, %v", text, l, err)
		}
	}
	for name, data := range map[string]string{
		"no layer":     `{"type":"wellhouse.config.StepConfig","value":{"keep":true}}`,
		"out of range": `{"type":"wellhouse.config.LayeredGlobalConfig","value":{"workers":-1}}`,
		"unknown":      `{"type":"wellhouse.config.LayeredGlobalConfig","value":{"worker":1}}`,
	} {
		if l, err := s.Unpack(r, []byte(data), ""); err == nil {
			t.Errorf("%s: unpacked as %+v", name, l)
		}
	}
	if _, err := s.Pack(r, config.Layer{Scope: config.ScopeStep, Set: map[string]any{"workers": 1}}); err == nil {
		t.Error("packed a setting outside its scope")
	}
	if _, err := s.Pack(r, config.Layer{Scope: "plate"}); err == nil {
		t.Error("packed an unknown scope")
	}
}

func TestResolvedConfigurationsTravel(t *testing.T) {
	t.Parallel()
	r := registry.New()
	if err := config.Register(r); err != nil {
		t.Fatal(err)
	}
	var resolved config.Resolved
	text, err := r.Encode(resolved.Pipeline())
	const want = `{"type":"wellhouse.config.PipelineConfig","value":{"threads":0,"retries":2,"timeout":3600000000000,"stall":120000000000,` +
		`"memory":0,"open_files":1024,"processes":256,"grace":10000000000,"log_level":"info","keep":false}}`
	if err != nil || string(text) != want {
		t.Fatalf("got %s, %v", text, err)
	}
	back, err := registry.DecodeAs[config.Pipeline](r, text)
	if err != nil || back != resolved.Pipeline() {
		t.Fatalf("got %+v, %v", back, err)
	}
}
