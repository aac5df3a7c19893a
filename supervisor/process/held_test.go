//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// A control group that the kernel holds on to for a moment longer than anybody
// waits is removed with the next one, and not left for good.
func TestGroupHeldByTheKernelIsRemovedLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	held := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(held, "busy"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.removeGroup(group{folders: []string{held}})
	if err := os.Remove(filepath.Join(held, "busy")); err != nil {
		t.Fatal(err)
	}
	f.removeGroup(group{})
	if _, err := os.Stat(held); err == nil {
		t.Error("the group is left")
	}
}
