//go:build linux

package process

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The tightest group on the way up counts, less what the kernel can take back.
func TestRoomOfGroups(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(folder string, files map[string]string) {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(root, folder, name), []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("", map[string]string{"memory.current": "5000"})
	write("slice", map[string]string{"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 1\ninactive_file 200"})
	write("slice/unit", map[string]string{"memory.max": "max", "memory.current": "600"})
	write("full", map[string]string{"memory.max": "100", "memory.current": "150"})
	for folder, want := range map[string]int64{"slice/unit": 500, "slice": 500, "full": 0, "": math.MaxInt64, "missing": math.MaxInt64} {
		if got := roomUpwards(filepath.Join(root, folder), "memory.max", "memory.current", "inactive_file "); got != want {
			t.Errorf("%q leaves %d, want %d", folder, got, want)
		}
	}
	if got, err := AvailableMemory(); err != nil || got <= 0 {
		t.Errorf("this machine has %d: %v", got, err)
	}
}
