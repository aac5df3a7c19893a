package config_test

import (
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
)

func TestParseNamesThePlaceAndTheNearestName(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	for _, tc := range []struct{ name, text, want string }{
		{"misspelt", "workers: 4\nretrys: 3\n", `c.yaml:2:1: unknown setting "retrys": did you mean "retries"?`},
		{"misspelt in a section", "viewer:\n  prot: 3\n", `c.yaml:2:3: unknown setting "viewer.prot": did you mean "viewer.port"?`},
		{"misspelt section", "viewr:\n  port: 3\n", `c.yaml:1:1: unknown setting "viewr"`},
		{"wrong type", "workers: four\n", `c.yaml:1:10: workers: "four" is not a whole number`},
		{"number in quotes", "workers: \"4\"\n", `c.yaml:1:10: workers: "4" is not a whole number`},
		{"number for text", "viewer: {title: 5}\n", "c.yaml:1:17: viewer.title: 5 is not a text: put it in quotes"},
		{"no unit", "\n\ntimeout: 90\n", `c.yaml:3:10: timeout: "90" is not a duration: write a number with its unit`},
		{"range", "retries: -1\n", "c.yaml:1:10: retries: -1 is below the least value, 0"},
		{"list", "workers: [1]\n", "c.yaml:1:10: workers: found sequence, want a whole number"},
		{"mapping for a scalar", "workers: {a: 1}\n", "c.yaml:1:10: workers: found mapping, want a whole number"},
		{"scalar for a section", "viewer: 5\n", `c.yaml:1:1: unknown setting "viewer"`},
		{"dotted", "viewer.port: 5\n", `c.yaml:1:1: "viewer.port": write a section's settings below its name`},
		{"duplicate", "workers: 1\nworkers: 2\n", "c.yaml:2:1: "},
		{"syntax", "workers: [1\n", "c.yaml:1:"},
		{"not a mapping", "- a\n", "c.yaml:1:1: found sequence, want settings"},
		{"text", "hello", "c.yaml:1:1: found string, want settings"},
		{"two documents", "workers: 1\n---\nworkers: 2\n", "c.yaml:3:"},
		{"anchor", "workers: &a 1\n", "c.yaml:1:10: anchors, aliases"},
		{"alias", "workers: *a\n", "c.yaml:1:10: anchors, aliases"},
		{"merge", "<<: {workers: 1}\n", "c.yaml:1:1: anchors, aliases"},
		{"tag", "workers: !!int 1\n", "c.yaml:1:10: anchors, aliases"},
		{"type", "type: wellhouse.config.GlobalConfg\n", `c.yaml:1:7: unknown type of configuration "wellhouse.config.GlobalConfg": did you mean "wellhouse.config.GlobalConfig"?`},
		{"layered type", "type: wellhouse.config.LayeredGlobalConfig\n", "c.yaml:1:7: unknown type of configuration"},
		{"scope", "type: wellhouse.config.StepConfig\nworkers: 1\n", "c.yaml:2:1: workers cannot be set for a step, only at the scope global"},
		{"scope after", "workers: 1\ntype: wellhouse.config.PipelineConfig\n", "c.yaml:1:1: workers cannot be set for a pipeline"},
		{"not UTF-8", "viewer: {title: \"\xff\"}\n", "c.yaml: the text is not UTF-8"},
		{"deep brackets", "a: " + strings.Repeat("[", 1000), "nested too deep"},
		{"deep lists", strings.Repeat("- ", 1000), "nested too deep"},
		{"huge", strings.Repeat("#", 1<<20), "more than a configuration may have"},
		{"infinite", "viewer: {scale: .inf}\n", "viewer.scale: +Inf is out of range"},
		{"not a number", "viewer: {scale: .nan}\n", "viewer.scale: NaN is out of range"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l, err := s.Parse("c.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "c.yaml") {
				t.Fatalf("got %+v, %v\nwant an error with %s", l, err, tc.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	for _, tc := range []struct{ name, text, scope, want string }{
		{"nothing", "", "global", ""},
		{"a comment", "# nothing\n", "global", ""},
		{"null", "~\n", "global", ""},
		{"empty mapping", "{}", "global", ""},
		{"unset inherits", "workers:\nthreads: ~\nviewer:\n", "global", ""},
		{"byte order mark", "\ufeffworkers: 1\n", "global", "workers=1"},
		{"Windows line ends", "workers: 1\r\nretries: 3\r\n", "global", "workers=1 retries=3"},
		{"pipeline", "type: wellhouse.config.PipelineConfig\nmemory: 2GiB\nkeep: true\n", "pipeline", "memory=2GiB keep=true"},
		{"step", "keep: true\ntype: wellhouse.config.StepConfig\n", "step", "keep=true"},
		{"flow", "{workers: 1, viewer: {port: 5, scale: 1}}", "global", "workers=1 viewer.port=5 viewer.scale=1.0"},
		{"bytes without unit", "memory: 1024\n", "global", "memory=1KiB"},
		{"zero without unit", "timeout: 0\n", "global", "timeout=0s"},
		{"exponents", "viewer: {scale: 1e3, gain: -2E-1, title: \"1e3\"}\n", "global", "viewer.title=1e3 viewer.scale=1000.0 viewer.gain=-0.2"},
		{"block text", "viewer:\n  title: |-\n    a\n    b\n", "global", "viewer.title=a\nb"},
		{"anchor in a comment", "workers: 1 # &a *b !c\n", "global", "workers=1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l, err := s.Parse("c.yaml", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if l.Scope != tc.scope || l.Origin != tc.scope+" file c.yaml" {
				t.Errorf("scope %s, origin %s", l.Scope, l.Origin)
			}
			r, err := s.Resolve(l)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range r.Explain() {
				if v.Set {
					got = append(got, v.Key+"="+v.Value)
				}
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Whatever is accepted resolves, exports, and reads back identical.
func FuzzParse(f *testing.F) {
	s := viewerSchema(f)
	f.Add([]byte("workers: 4\ntimeout: 90s # x\nviewer:\n  title: \"a\\u00e9\"\n  scale: 1e-3\n"))
	f.Add([]byte("type: wellhouse.config.StepConfig\nkeep: true\n"))
	f.Add([]byte("{viewer: {title: 'it''s', cache: 1.5GiB, wait: 1h}}"))
	f.Add([]byte("- [a\n"))
	f.Add([]byte("? a\n: &b *c\n--- !d\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := s.Parse("f", text)
		if err != nil {
			return
		}
		r, err := s.Resolve(l)
		if err != nil {
			t.Fatalf("parsed %q and cannot resolve: %v", text, err)
		}
		checkReadsBack(t, s, r)
	})
}

func checkReadsBack(t interface{ Fatalf(string, ...any) }, s *config.Schema, r config.Resolved) {
	for _, all := range []bool{false, true} {
		text, err := config.Export(r, all)
		if err != nil {
			t.Fatalf("export: %v", err)
		}
		l, err := s.Parse("exported", text)
		if err != nil {
			t.Fatalf("cannot read back: %v\n%s", err, text)
		}
		back, err := s.Resolve(l)
		if err != nil {
			t.Fatalf("cannot resolve: %v\n%s", err, text)
		}
		viewer, _ := r.Section("viewer")
		backViewer, _ := back.Section("viewer")
		if back.Global() != r.Global() || backViewer != viewer {
			t.Fatalf("came back as %+v %+v, was %+v %+v\n%s", back.Global(), backViewer, r.Global(), viewer, text)
		}
		if !all && !back.Equal(r) {
			t.Fatalf("other settings are set\n%s", text)
		}
		again, err := config.Export(back, all)
		if err != nil || string(again) != string(text) {
			t.Fatalf("exported again as\n%s\nwas\n%s", again, text)
		}
	}
}
