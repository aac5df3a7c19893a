package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

// here runs the command inside the test, for what needs no server.
func here(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	home := t.TempDir()
	code = Main(args, strings.NewReader(""), &stdout, &stderr, func(name string) string {
		if name == "HOME" {
			return home
		}
		return ""
	})
	return code, stdout.String(), stderr.String()
}

// Every command explains itself, has --json, and takes wrong flags as wrong usage.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	a := &app{getenv: func(string) string { return "" }}
	var visit func(c *cobra.Command, path []string)
	visit = func(c *cobra.Command, path []string) {
		for _, sub := range c.Commands() {
			visit(sub, append(path[:len(path):len(path)], sub.Name()))
		}
		if len(path) == 0 || c.Hidden {
			return
		}
		name := strings.Join(path, " ")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			// What is in backticks would be shown as the flag's value.
			if value, usage := pflag.UnquoteUsage(f); strings.Contains(value, " ") || usage != f.Usage {
				t.Errorf("%s --%s: help shows %q as its value", name, f.Name, value)
			}
		})
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q", name, c.Short)
		}
		if c.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s has no --json", name)
		}
		code, out, errs := here(t, append(path, "--no-such-flag")...)
		if code != ExitUsage || out != "" || !strings.Contains(errs, "supervisor "+name+" --help") {
			t.Errorf("%s --no-such-flag ended with %d, %q and %q", name, code, out, errs)
		}
		if code, out, errs := here(t, append(path, "--help")...); code != 0 || !strings.Contains(out, "supervisor "+name) || strings.Contains(out, "(default -1)") || strings.Contains(out, "(default )") || errs != "" {
			t.Errorf("%s --help ended with %d, %q and %q", name, code, out, errs)
		}
	}
	visit(a.root(), nil)
}

func TestWrongCommand(t *testing.T) {
	t.Parallel()
	code, out, errs := here(t, "statsu")
	if code != ExitUsage || out != "" {
		t.Errorf("it ended with %d and %q", code, out)
	}
	contains(t, errs, "statsu", "status")
}

// A script's variable that is not set is no id and no folder.
func TestEmptyArgument(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"wait", "status", "cancel", "retry", "results", "logs", "run", "submit"} {
		code, out, errs := here(t, command, "")
		if code != ExitUsage || out != "" {
			t.Errorf("%s ended with %d and %q", command, code, out)
		}
		contains(t, errs, "an argument is empty", "supervisor "+command+" --help")
	}
}

func TestPipelineCheck(t *testing.T) {
	t.Parallel()
	code, out, errs := here(t, "pipeline", "check", "../../examples/nuclei.yaml")
	if code != 0 || errs != "" {
		t.Fatalf("it ended with %d: %s", code, errs)
	}
	contains(t, out, "right", "nuclei > shape > intensity", "Nuclei.csv", "supervisor pipeline check")

	bad := t.TempDir() + "/bad.yaml"
	write(t, bad, "name: x\nsteps:\n  - name: a\n    function: gausian\n  - name: a\n    function: median\n    with: {radius: -1}\n")
	code, out, errs = here(t, "pipeline", "check", bad)
	if code != ExitUsage || out != "" {
		t.Errorf("it ended with %d: %s", code, out)
	}
	contains(t, errs, "bad.yaml:4:15", "gaussian", "bad.yaml:7:12")

	code, out, errs = here(t, "pipeline", "check", bad, "--json")
	var v verdict
	decode(t, out, &v)
	if code != ExitUsage || errs != "" || v.OK || len(v.Problems) < 2 || v.Problems[0].Line != 4 || v.Problems[0].Column != 15 {
		t.Errorf("it ended with %d, %q and %+v", code, errs, v)
	}
}

func TestPipelineCheckOverAPlate(t *testing.T) {
	t.Parallel()
	plate := t.TempDir() + "/p"
	if code, _, errs := here(t, "plate", "synth", plate, "--wells", "4", "--sites", "1x1", "--size", "64x64"); code != 0 {
		t.Fatal(errs)
	}
	code, out, errs := here(t, "pipeline", "check", "../../examples/nuclei.yaml", plate, "--wells", "A01", "--json")
	var v verdict
	decode(t, out, &v)
	if code != 0 || errs != "" || !v.OK || v.Plate == nil || len(v.Plate.Wells) != 1 || v.Plate.PeakBytes == 0 || v.Plate.Digest == "" {
		t.Errorf("it ended with %d, %q and %+v", code, errs, v)
	}
	code, _, errs = here(t, "pipeline", "check", "../../examples/zproject.yaml", plate, "--wells", "H12")
	if code != ExitUsage {
		t.Errorf("it ended with %d", code)
	}
	contains(t, errs, "H12", "A01")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/global.yaml", "workers: 3\nretries: 2\n")
	write(t, dir+"/pipeline.yaml", "name: x\nconfig: {timeout: 5m}\nsteps:\n  - name: a\n    function: gaussian\n    keep: true\n")
	layers := []string{"--config", dir + "/global.yaml", "--pipeline", dir + "/pipeline.yaml", "--step", "a", "--set", "memory=2GiB"}

	code, out, errs := here(t, append([]string{"config", "explain", "--json"}, layers...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	var values []explained
	decode(t, out, &values)
	got := map[string]explained{}
	for _, v := range values {
		got[v.Key] = v
		if v.Doc == "" {
			t.Errorf("%s has no meaning", v.Key)
		}
	}
	for key, want := range map[string][2]string{
		"workers": {"3", "global file " + dir + "/global.yaml:1"}, "retries": {"2", "global.yaml:2"}, "timeout": {"5m", "pipeline.yaml:2"},
		"memory": {"2GiB", "--set"}, "keep": {"true", "step a"}, "grace": {"10s", "default"},
	} {
		if v := got[key]; v.Value.Value != want[0] || !strings.Contains(v.Origin, want[1]) {
			t.Errorf("%s is %q from %q, want %q from %q", key, v.Value.Value, v.Origin, want[0], want[1])
		}
	}
	for _, all := range [][]string{nil, {"--all"}} {
		_, text, _ := here(t, append(append([]string{"config", "export"}, layers...), all...)...)
		write(t, dir+"/exported.yaml", text)
		_, before, _ := here(t, append([]string{"config", "show"}, layers...)...)
		code, after, errs := here(t, "config", "show", "--config", dir+"/exported.yaml")
		if code != 0 || before != after {
			t.Errorf("what was exported %v reads back as\n%s\nnot as\n%s\n%s", all, after, before, errs)
		}
	}
	for _, wrong := range [][]string{{"--set", "memroy=1"}, {"--step", "a"}, {"--pipeline", dir + "/pipeline.yaml", "--step", "b"}, {"--config", dir + "/none"}} {
		code, _, errs := here(t, append([]string{"config", "show"}, wrong...)...)
		if code != ExitUsage || errs == "" {
			t.Errorf("%v ended with %d and %q", wrong, code, errs)
		}
	}
}
