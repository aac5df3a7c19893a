//go:build unix

package logfile

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A named pipe, or a folder, in the place of a log is told, and never waited for.
func TestWhatIsNoFileIsNoLog(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	for name, make := range map[string]func(string) error{
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := d.ServerPath(7777)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if r, err := OpenRotating(path, 100, 2); err == nil {
			t.Errorf("%s: it is logged into", name)
			_ = r.Close()
		}
		if files, err := d.Files(); err != nil || len(files) != 0 {
			t.Errorf("%s: there are %+v, %v", name, files, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
