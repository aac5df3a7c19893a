package harness

import (
	"errors"
	"fmt"
	"io/fs"
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
	dir, err := os.MkdirTemp("", "wellhouse-test")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "supervisor")
	var flags []string
	if raceDetector {
		flags = append(flags, "-race")
	}
	if err := Build(binary, flags...); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return binary, nil
}

// Build makes a supervisor command of the sources as they are.
func Build(binary string, flags ...string) error {
	root, err := repository()
	if err != nil {
		return err
	}
	if err := readSources(root); err != nil {
		return err
	}
	command := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", binary}, flags...), "./supervisor")...)
	command.Dir = root
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build supervisor: %w\n%s", err, text)
	}
	return nil
}

// readSources lists the folders of the sources. It is for go test, which keeps the
// result of a test that opens the same files again: what a build reads it does
// not see, and a change of the command would pass untested.
func readSources(root string) error {
	for _, folder := range []string{"enums", "registry", "ipc", "worker", "supervisor"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return fmt.Errorf("list sources: %w", err)
		}
	}
	return nil
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
