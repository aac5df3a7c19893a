package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// The tests need programs that the harness does not build: a command without the
// race detector, where pixels or a memory limit would make it lie, and a worker
// of another build. Each is built when first asked for, and removed by TestMain.
var (
	plainBinary = sync.OnceValues(func() (string, error) { return build("./supervisor") })
	otherWorker = sync.OnceValues(func() (string, error) { return build("./supervisor/e2e/testdata/otherworker") })

	builds     sync.Mutex
	buildRoots []string
)

func TestMain(m *testing.M) {
	code := harness.Main(m)
	for _, dir := range buildRoots {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func build(what string) (string, error) {
	dir, err := os.MkdirTemp("", "wellhouse-e2e")
	if err != nil {
		return "", err
	}
	builds.Lock()
	buildRoots = append(buildRoots, dir)
	builds.Unlock()
	binary := filepath.Join(dir, filepath.Base(what))
	command := exec.Command("go", "build", "-buildvcs=false", "-o", binary, what)
	command.Dir = filepath.Join("..", "..")
	if text, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", what, err, text)
	}
	return binary, nil
}

// plainWorld is a world whose command was built without the race detector.
func plainWorld(t *testing.T) *harness.World {
	t.Helper()
	if !raceDetector {
		return harness.New(t)
	}
	binary, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	return harness.NewWith(t, binary)
}
