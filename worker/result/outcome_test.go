package result

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func ended(t *testing.T) (dir string) {
	t.Helper()
	f := openFolder(t, filepath.Join(t.TempDir(), "out"), "e1")
	work(t, f, "A01", 1, 3)
	return f.AttemptDir("A01", 1)
}

func TestOutcomeRoundTrip(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	o := must[Outcome](t)(ReadOutcome(dir))
	var names []string
	for _, f := range o.Files {
		names = append(names, f.Path)
	}
	if want := []string{"tables/Nuclei.fragment", "tables/sites.fragment", "images/clean/A01_s1.tif"}; !reflect.DeepEqual(names, want) {
		t.Errorf("files are %v, want %v", names, want)
	}
	if o.Reason != enums.ReasonOK || o.Counts["Nuclei"] != 3 || !o.Started.Equal(noon) {
		t.Errorf("read back %+v", o)
	}
	if _, err := ReadOutcome(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrInvalid) {
		t.Errorf("no outcome gives %v", err)
	}
}

// Outcomes of a later version are not guessed at.
func TestOutcomeOfALaterVersion(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	path := filepath.Join(dir, outcomeFile)
	later := strings.Replace(string(must[[]byte](t)(os.ReadFile(path))), `"schema":1,`, `"schema":2,`, 1)
	check0(t, os.WriteFile(path, []byte(later), 0o644))
	if _, err := ReadOutcome(dir); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("a later one gives %v", err)
	}
}

// Every byte of an outcome matters: cut anywhere or with any byte changed, it
// is damaged, never another outcome.
func TestOutcomeDamageIsSeen(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	path := filepath.Join(dir, outcomeFile)
	whole := must[[]byte](t)(os.ReadFile(path))
	damaged := func(what string, at int, text []byte) {
		t.Helper()
		check0(t, os.WriteFile(path, text, 0o644))
		var damage *DamagedError
		if _, err := ReadOutcome(dir); !errors.As(err, &damage) || !errors.Is(err, ErrInvalid) {
			t.Fatalf("%s at byte %d gives %v", what, at, err)
		}
	}
	for at := range len(whole) - 1 { // the last byte is a line end
		damaged("cut", at, whole[:at])
		flipped := append([]byte{}, whole...)
		flipped[at] ^= 0x15
		damaged("flip", at, flipped)
	}
	check0(t, os.WriteFile(path, whole, 0o644))
	for _, name := range []string{"tables/Nuclei.fragment", "images/clean/A01_s1.tif"} {
		file := filepath.Join(dir, name)
		content := must[[]byte](t)(os.ReadFile(file))
		flipped := append([]byte{}, content...)
		flipped[len(flipped)/2] ^= 1
		for what, bad := range map[string][]byte{"cut": content[1:], "flip": flipped} {
			check0(t, os.WriteFile(file, bad, 0o644))
			if _, err := ReadOutcome(dir); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s of %s gives %v", what, name, err)
			}
		}
		check0(t, os.Remove(file))
		if _, err := ReadOutcome(dir); !errors.Is(err, ErrInvalid) {
			t.Errorf("removal of %s gives %v", name, err)
		}
		check0(t, os.WriteFile(file, content, 0o644))
	}
	must[Outcome](t)(ReadOutcome(dir))
}

func TestOutcomeRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := ended(t)
	check0(t, syscall.Mkfifo(filepath.Join(dir, "images", "pipe"), 0o600))
	if err := WriteOutcome(dir, Outcome{Reason: enums.ReasonOK}); err == nil {
		t.Error("a pipe among the images was accepted")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	text, err := encodeRecord(outcomeKind, Outcome{Reason: enums.ReasonOK, Well: "A01"})
	check0(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		var o Outcome
		if decodeRecord(text, outcomeKind, &o) == nil {
			_, err := encodeRecord(outcomeKind, o)
			check0(t, err)
		}
	})
}
