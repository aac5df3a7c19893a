package config_test

import (
	"math"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"pgregory.net/rapid"
)

func TestExportIsReadable(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	r, err := s.Resolve(config.Layer{Scope: config.ScopeGlobal, Set: map[string]any{
		"timeout": "90s", "memory": "2GiB", "viewer.title": "yes", "viewer.scale": 2, "log_level": "warn",
	}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Export(r, false)
	const want = `type: wellhouse.config.GlobalConfig
timeout: 1m30s
memory: 2GiB
log_level: warn
viewer:
  title: "yes"
  scale: 2.0
`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v\nwant %s", text, err, want)
	}
	text, err = config.Export(r, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# wells that run at the same time", "workers: 0\n", "  # where it listens\n  port: 7777\n", "keep: false\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if text, err := config.Export(config.Resolved{}, false); err != nil || string(text) != "type: wellhouse.config.GlobalConfig\n" {
		t.Errorf("nothing is exported as %q, %v", text, err)
	}
}

// drawValue draws any value that the setting can have, edges included.
func drawValue(t *rapid.T, s config.Setting) any {
	name := s.Key
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "log_level":
		return rapid.SampledFrom(enums.LogLevels()).Draw(t, name)
	case "pixel_type":
		return rapid.SampledFrom(enums.PixelTypes()).Draw(t, name)
	case "grace":
		return config.Duration(rapid.Int64Range(0, 600e9).Draw(t, name))
	case "port", "retries", "open_files", "threads", "processes":
		return rapid.IntRange(64, 100).Draw(t, name)
	case "small":
		return rapid.Int8().Draw(t, name)
	case "gain":
		return rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, name)
	}
	switch s.Kind {
	case "true|false":
		return rapid.Bool().Draw(t, name)
	case "duration":
		return config.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, name))
	case "memory":
		return config.Bytes(rapid.OneOf(rapid.Int64Range(0, math.MaxInt64), rapid.Map(rapid.Int64Range(0, 1<<20), func(n int64) int64 { return n << 20 })).Draw(t, name))
	case "whole number":
		return rapid.IntRange(1, math.MaxInt).Draw(t, name)
	case "number":
		return rapid.OneOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 1e6, 1e21, math.SmallestNonzeroFloat64})).Draw(t, name)
	case "text":
		return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"", " ", "~", "null", "Null", "TRUE", "yes", "off", "0x1F", "0o7", "1_000", "1e3", ".inf", "-.INF", ".nan", "2024-01-02", "12:30:45",
			"a: b", "a #b", "- a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'", "\"", "\\", "\n", "a\n", "\r\n", "\t", "\u0085", "\u2028", "\ufeff", "\x00", "😀", "{", "[", "<<", "=", "type", "---", "...", " lead", "trail ",
		}), rapid.StringMatching(`[a-zA-Z_ ]{0,8}`)).Draw(t, name)
	}
	t.Fatalf("no values for %s, a %s", name, s.Kind)
	return nil
}

// Whatever is set in whatever layers: export, only what was set or everything,
// reads back identical.
func TestExportReadsBackProperty(t *testing.T) {
	t.Parallel()
	s := viewerSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		var layers []config.Layer
		for _, scope := range rapid.SliceOfN(rapid.SampledFrom([]string{config.ScopeGlobal, config.ScopePipeline, config.ScopeStep}), 0, 4).Draw(t, "scopes") {
			l := config.Layer{Scope: scope, Origin: scope, Set: map[string]any{}}
			for _, setting := range s.Settings() {
				reaches := scope == config.ScopeGlobal || scope == setting.Scope || setting.Scope == config.ScopeStep
				if reaches && rapid.Bool().Draw(t, "set "+setting.Key) {
					l.Set[setting.Key] = drawValue(t, setting)
				}
			}
			layers = append(layers, l)
		}
		r, err := s.Resolve(layers...)
		if err != nil {
			t.Fatal(err)
		}
		checkReadsBack(t, s, r)
		handed, err := s.Resolve(r.Set("client"))
		if err != nil || !handed.Equal(r) {
			t.Fatalf("handed on as %v (%v), was %v", handed.Explain(), err, r.Explain())
		}
	})
}
