//go:build linux

package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// scratch leaves a temporary file of the attempt, as its worker would.
func scratch(t *testing.T, spec Spec) string {
	t.Helper()
	dir := result.TemporaryDir(spec.Directory)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scratch"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTemporaryFilesGoHoweverTheWorkerEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for well, do := range map[string]order{
		"A01": {},
		"A02": {Do: "panic", Number: 3},
		"A03": {Do: "raise", Number: int(syscall.SIGKILL)},
	} {
		spec := f.spec(well, do)
		dir := scratch(t, spec)
		got := f.run(spec)
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: after %s the temporary files stay: %v", well, got.Reason, err)
		}
	}
}

func TestTemporaryFilesOfALostWorkerGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "sleep", For: time.Hour})
	record := f.crashed(spec)
	dir := scratch(t, spec)
	if err := syscall.Kill(record.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, record)
	if got := f.Adopt(context.Background(), record, spec); got.Reason != enums.ReasonLost {
		t.Errorf("got %+v", got)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary files stay: %v", err)
	}
}
