package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// What cannot work is said clearly, with the place and what to do, exits with 2,
// starts no worker and writes nothing.
func TestMistakesStartNothing(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Serve("--workers", "1")
	dir, good := w.Plate(), w.Pipeline(harness.Nuclei)
	empty, texts, foreign := w.Path("empty"), w.Path("texts"), w.Path("foreign")
	for _, folder := range []string{empty, texts, foreign} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Write("texts/notes.txt", "no images here")
	w.Write("foreign/thesis.tex", "years of work")
	edit := func(old, replacement string) string {
		text := strings.Replace(harness.Nuclei, old, replacement, 1)
		if text == harness.Nuclei {
			t.Fatalf("%q is not in the pipeline", old)
		}
		return w.Pipeline(text)
	}
	out := w.Path("out")
	run := func(args ...string) []string { return append([]string{"run"}, args...) }
	for name, test := range map[string]struct {
		args []string
		says []string // parts of the message
	}{
		"unknown function":       {run(dir, "-p", edit("segment_nuclei", "segment_nucleus")), []string{":4:15:", `"segment_nucleus"`, `did you mean "segment_nuclei"`}},
		"misspelt parameter":     {run(dir, "-p", edit("objects: Nuclei}", "objects: Nuclei, sigmma: 2}")), []string{":8:", "sigmma", "measure_intensity"}},
		"parameter out of range": {run(dir, "-p", edit("    objects: Nuclei\n", "    with: {sigma: -1}\n    objects: Nuclei\n")), []string{":5:", "sigma", "-1"}},
		"parameter of no number": {run(dir, "-p", edit("    objects: Nuclei\n", "    with: {sigma: wide}\n    objects: Nuclei\n")), []string{":5:", "sigma", "wide"}},
		"unknown objects":        {run(dir, "-p", edit("{objects: Nuclei}", "{objects: Cells}")), []string{":8:", `"Cells"`, "Nuclei"}},
		"unknown key":            {run(dir, "-p", edit("    function", "    funktion: x\n    function")), []string{":4:", "funktion"}},
		"no steps":               {run(dir, "-p", w.Pipeline("name: nothing\n")), []string{"steps"}},
		"no YAML":                {run(dir, "-p", w.Pipeline("name: [\n")), []string{".yaml:"}},
		"Python":                 {run(dir, "-p", w.Pipeline("import openhcs\nsteps = []\n")), []string{".yaml:"}},
		"no pipeline":            {run(dir, "-p", w.Path("nowhere.yaml")), []string{"nowhere.yaml"}},
		"pipeline not given":     {run(dir), []string{"pipeline"}},
		"group_by is variable":   {run(dir, "-p", edit("    objects: Nuclei\n", "    objects: Nuclei\n    group_by: channel\n    variable_components: [channel]\n")), []string{"group_by", "channel"}},
		"unknown channel":        {run(dir, "-p", edit("    objects: Nuclei\n", "    objects: Nuclei\n    where: {channel: \"9\"}\n")), []string{"9", "channel"}},

		"missing plate":      {run(w.Path("nowhere"), "-p", good), []string{"nowhere"}},
		"plate is a file":    {run(good, "-p", good), []string{"is a file"}},
		"empty folder":       {run(empty, "-p", good), []string{empty, "holds no files"}},
		"folder of no plate": {run(texts, "-p", good), []string{texts}},

		"unknown well":    {run(dir, "-p", good, "--wells", "H12"), []string{"H12", "A01"}},
		"no such well":    {run(dir, "-p", good, "--wells", "A99"), []string{"A99"}},
		"no such row":     {run(dir, "-p", good, "--wells", "row:C"), []string{"row:C", "A01"}},
		"no well is left": {run(dir, "-p", good, "--wells", "!row:A,!row:B"), []string{"excludes every well"}},

		"unknown setting":  {run(dir, "-p", good, "--set", "keeep=true"), []string{"keeep", `did you mean "keep"`}},
		"setting's value":  {run(dir, "-p", good, "--set", "timeout=soon"), []string{"timeout", "soon", "90s"}},
		"setting's range":  {run(dir, "-p", good, "--set", "retries=-1"), []string{"retries", "-1"}},
		"no setting":       {run(dir, "-p", good, "--set", "keep"), []string{"key=value"}},
		"configuration":    {run(dir, "-p", good, "--config", w.Write("config.yaml", "keep: true\ntimeot: 3s\n")), []string{"config.yaml:2", "timeot"}},
		"retries":          {run(dir, "-p", good, "--retries", "-2"), []string{"--retries"}},
		"workers":          {run(dir, "-p", good, "--workers", "-1"), []string{"--workers"}},
		"workers in words": {run(dir, "-p", good, "--workers", "two"), []string{"--workers", "two"}},
		"two plates":       {run(dir, dir, "-p", good), []string{"--help"}},
		"unknown flag":     {run(dir, "-p", good, "--outt", "x"), []string{"--outt", "--help"}},

		"output is foreign":   {run(dir, "-p", good, "--out", foreign), []string{foreign, "thesis.tex", "--out"}},
		"output is a file":    {run(dir, "-p", good, "--out", good), []string{"is a file", "--out"}},
		"output unwritable":   {run(dir, "-p", good, "--out", "/proc/wellhouse"), []string{"/proc", "--out"}},
		"output is the plate": {run(dir, "-p", good, "--out", dir), []string{dir, "--out"}},
	} {
		args := test.args
		if !strings.Contains(strings.Join(args, " "), "--out ") {
			args = append(args, "--out", out)
		}
		r := w.Run(args...)
		if r.Code != 2 {
			t.Errorf("%s: exit code %d, want 2: %s", name, r.Code, r.Stderr)
			continue
		}
		if !strings.Contains(r.Stderr, "supervisor: ") || r.Stdout != "" {
			t.Errorf("%s: standard output %q, standard error %q", name, r.Stdout, r.Stderr)
		}
		for _, part := range test.says {
			if !strings.Contains(r.Stderr, part) {
				t.Errorf("%s: it does not say %q: %s", name, part, r.Stderr)
			}
		}
	}
	absent(t, out)
	absent(t, dir+"_wellhouse")
	absent(t, filepath.Join(dir, ".wellhouse"))
	if left, err := os.ReadDir(foreign); err != nil || len(left) != 1 {
		t.Errorf("the foreign folder holds %v (%v)", left, err)
	}
	noAttempt(t, w)
}

// noAttempt fails when the world's server ever tried to run a well.
func noAttempt(t *testing.T, w *harness.World) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(w.Places.Logs(), "server-*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log of a server: %v", err)
	}
	for _, log := range logs {
		if text := w.Read(log); strings.Contains(text, "attempt=") {
			t.Errorf("a worker was started:\n%s", text)
		}
	}
}
