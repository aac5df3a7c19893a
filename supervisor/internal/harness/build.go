package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// built is the directory of the binary, made when the first world needs it and
// removed by Main.
var built = sync.OnceValues(build)

// made tells whether there is anything to remove: asking built would build.
var made atomic.Bool

// EnvBinary names a supervisor to test instead of building one.
const EnvBinary = "WELLHOUSE_TEST_BINARY"

// Main runs the tests of a package and removes the binary they built. Call it
// from TestMain: os.Exit(harness.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	if made.Load() {
		if binary, err := built(); err == nil {
			_ = os.RemoveAll(filepath.Dir(binary))
		}
	}
	return code
}

// Binary is the path of the supervisor command, built when it is first asked for.
func Binary(tb testing.TB) string {
	tb.Helper()
	if given := os.Getenv(EnvBinary); given != "" {
		return given
	}
	made.Store(true)
	binary, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	return binary
}

func build() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "wellhouse-test")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "supervisor")
	args := []string{"build", "-buildvcs=false", "-o", binary}
	if raceDetector {
		args = append(args, "-race")
	}
	command := exec.Command("go", append(args, "./supervisor")...)
	command.Dir = root
	if text, err := command.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build supervisor: %w\n%s", err, text), os.RemoveAll(dir))
	}
	return binary, nil
}

// repository is the folder of go.mod, above the test's own.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find repository: no go.mod above the test")
		}
		dir = parent
	}
}
