package e2e

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// faulty is a world in which pipelines may name the functions that fail on purpose.
func faulty(t *testing.T) *harness.World {
	t.Helper()
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	return w
}

// row is a line of a table by column.
type row map[string]string

// number reads a whole number, "" as -1.
func (r row) number(t *testing.T, column string) int {
	t.Helper()
	text, ok := r[column]
	if !ok {
		t.Fatalf("no column %s in %v", column, r)
	}
	if text == "" {
		return -1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", column, err)
	}
	return n
}

// table reads a table of results: comma-separated, or tab-separated by its name.
func table(t *testing.T, path string) []row {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	if filepath.Ext(path) == ".tsv" {
		reader.Comma, reader.LazyQuotes = '\t', true
	}
	lines, err := reader.ReadAll()
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	rows := make([]row, 0, len(lines))
	for _, line := range lines[1:] {
		r := row{}
		for i, column := range lines[0] {
			r[column] = line[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// wells is wells.csv of a results folder by well.
func wells(t *testing.T, out string) map[string]row {
	t.Helper()
	by := map[string]row{}
	for _, r := range table(t, filepath.Join(out, "wells.csv")) {
		if by[r["Metadata_Well"]] != nil {
			t.Errorf("wells.csv has well %s twice", r["Metadata_Well"])
		}
		by[r["Metadata_Well"]] = r
	}
	return by
}

// attempts is joblog.tsv by well, in the order of attempts.
func attempts(t *testing.T, out string) map[string][]row {
	t.Helper()
	by := map[string][]row{}
	for _, r := range table(t, filepath.Join(out, "joblog.tsv")) {
		by[r["Well"]] = append(by[r["Well"]], r)
	}
	return by
}

// total sums a column over a table.
func total(t *testing.T, rows []row, column string) int {
	t.Helper()
	n := 0
	for _, r := range rows {
		n += r.number(t, column)
	}
	return n
}

// outcome is the last line that a command with --json printed.
func outcome(t *testing.T, r harness.Result) message.Execution {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	var last struct {
		Type string `json:"type"`
		message.Execution
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Type != "outcome" {
		t.Fatalf("the last line is no outcome (%v): %s\nstderr: %s", err, lines[len(lines)-1], r.Stderr)
	}
	return last.Execution
}

// wellOf finds a well in an execution.
func wellOf(t *testing.T, x message.Execution, name string) message.Well {
	t.Helper()
	for _, w := range x.Wells {
		if w.Well == name {
			return w
		}
	}
	t.Fatalf("the execution has no well %s", name)
	return message.Well{}
}

// says fails unless text holds every part.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

// absent fails when something is at the path.
func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s was written", path)
	}
}

// sample is a folder of the real plates, or the test is skipped.
func sample(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("WELLHOUSE_DATA")
	if root == "" {
		root = filepath.Join(repository(t), "..", "shared", "data")
	}
	dir, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(folder)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip(folder + ": sample plates not present")
	}
	return dir
}

// repository is the folder of go.mod.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// example is the path of a pipeline that comes with the project.
func example(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(repository(t), "examples", name)
}

// truthOf is the number of nuclei that are really in each well's images.
func truthOf(t *testing.T, dir string) map[string]int {
	t.Helper()
	by := map[string]int{}
	for _, r := range table(t, filepath.Join(dir, "truth.csv")) {
		by[r["Metadata_Well"]] += r.number(t, "Count_Nuclei_Visible")
	}
	return by
}

// retryCommand is the command that a run with failed wells says to type next.
func retryCommand(t *testing.T, r harness.Result) []string {
	t.Helper()
	_, command, found := strings.Cut(r.Stdout, "Run the failed wells again: supervisor ")
	if !found {
		t.Fatalf("the run does not say how to run the failed wells again:\n%s", r.Stdout)
	}
	command, _, _ = strings.Cut(command, "\n")
	return strings.Fields(command)
}
