package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A setting of any kind (truth, whole number, duration, size, word) goes from
// --set through the message, the store and the compiler to the manifest.
func TestSetReachesTheRun(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	out := w.Path("out")
	w.OK("run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", out, "--wells", "1",
		"--set", "keep=true", "--set", "threads=1", "--set", "retries=1", "--set", "timeout=90s", "--set", "memory=0B", "--set", "log_level=debug")
	var manifest struct {
		Configuration []struct{ Key, Value, Origin string }
	}
	if err := json.Unmarshal([]byte(w.Read(filepath.Join(out, "manifest.json"))), &manifest); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range manifest.Configuration {
		got[c.Key] = c.Value + " from " + c.Origin
	}
	for key, want := range map[string]string{
		"keep": "true", "threads": "1", "retries": "1", "timeout": "1m30s", "memory": "0B", "log_level": "debug",
	} {
		if got[key] != want+" from --set" {
			t.Errorf("%s is %q in the manifest", key, got[key])
		}
	}
	kept, err := filepath.Glob(filepath.Join(out, "images", "nuclei", "A01*.tif"))
	if err != nil || len(kept) != 2 {
		t.Errorf("keep=true wrote %v (%v), want the plane and the label map", kept, err)
	}
	for _, path := range kept {
		if info, err := os.Stat(path); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	says(t, w.OK("run", w.Plate(), "-p", w.Pipeline(harness.Nuclei), "--out", w.Path("plain"), "--wells", "1"), "complete")
	absent(t, w.Path("plain", "images"))
}
