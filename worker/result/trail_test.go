package result

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTrail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := ReadTrail(dir); got != "" {
		t.Errorf("without a trail the step is %q", got)
	}
	trail := NewTrail(dir)
	for _, step := range []string{"a long name of a step", "short", "short", "größer"} {
		trail.Note(step)
		if got := ReadTrail(dir); got != step {
			t.Errorf("the step is %q, want %q", got, step)
		}
	}
	trail.Remove()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	none := NewTrail(filepath.Join(dir, "missing"))
	none.Note("nothing happens")
	none.Remove()
}
