package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// faulty is a world in which pipelines may name the functions that fail on purpose.
func faulty(t *testing.T) *harness.World {
	t.Helper()
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	return w
}

// contains fails the test for every text that is not in the whole.
func contains(t *testing.T, whole string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(whole, text) {
			t.Errorf("%q is missing in:\n%s", text, whole)
		}
	}
}

// lacks fails the test for every text that is in the whole.
func lacks(t *testing.T, whole string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(whole, text) {
			t.Errorf("%q is not expected in:\n%s", text, whole)
		}
	}
}

const long = "duration: 600" // of fault_sleep: longer than any test

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
