package plate

import (
	"os"
	"path/filepath"
	"testing"
)

// sample returns a folder of the real plates, or skips the test.
func sample(t testing.TB, below string) string {
	t.Helper()
	root := os.Getenv("WELLHOUSE_DATA")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test")
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	dir := filepath.Join(root, filepath.FromSlash(below))
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s: sample plates not present", below)
	}
	return dir
}
