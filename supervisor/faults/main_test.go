//go:build linux

package faults

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

func TestMain(m *testing.M) {
	// Tests mostly wait, for retries and restarts: more of them at once than cores.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", "12")
	}
	code := harness.Main(m)
	if madeFailpoints.Load() {
		if path, err := buildFailpoints(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

// count is how often a fault is produced.
func count(short, long int) int {
	if os.Getenv("WELLHOUSE_FAULT_SUITE") == "long" {
		return long
	}
	return short
}

// seeded is a source of random choices that can be repeated.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64N(1 << 40)
	if s := os.Getenv("WELLHOUSE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("WELLHOUSE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("repeat with WELLHOUSE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// The supervisor with failpoints has no race detector: it is started too often.
var (
	madeFailpoints  atomic.Bool
	buildFailpoints = sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "wellhouse-failpoint")
		if err != nil {
			return "", err
		}
		binary := filepath.Join(dir, "supervisor")
		return binary, harness.Build(binary, "-tags", "failpoint")
	})
)

// failpointWorld is a world whose binary has failpoints.
func failpointWorld(t *testing.T) *harness.World {
	t.Helper()
	madeFailpoints.Store(true)
	binary, err := buildFailpoints()
	if err != nil {
		t.Fatal(err)
	}
	return harness.NewWith(t, binary)
}
