package process

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// environment is a worker's: the few variables a program needs to find its
// libraries, home and language, then the runner's own. Nothing else is
// inherited: what a worker does must follow from its task.
func environment(from, own []string) []string {
	keep := []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}
	var env []string
	for _, entry := range from {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(keep, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, entry)
		}
	}
	// One goroutine's trace with a panic, and exit code 2: a reader needs the
	// place, and a core dump of a worker full of images helps nobody.
	//
	// One thread until the task says how many: what a worker does before has no
	// use for more, and starting them costs a tenth of its start.
	env = append(env, "GOTRACEBACK=single", "GOMAXPROCS=1")
	return append(env, own...)
}

// markerPrefix begins every marker of servers that use this run directory:
// another server's workers are not ours to sweep.
func markerPrefix(runDir string) string {
	sum := sha256.Sum256([]byte(runDir))
	return hex.EncodeToString(sum[:6]) + "/"
}

// newMarker is unlike any other. The readable part is for whoever looks at
// environments.
func newMarker(prefix, purpose string) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return prefix + purpose + "/" + hex.EncodeToString(random[:])
}

func purpose(spec Spec) string {
	clean := func(r rune) rune {
		if r < ' ' || r == '/' {
			return '_'
		}
		return r
	}
	return fmt.Sprintf("%s/%s/%d", strings.Map(clean, spec.Execution), strings.Map(clean, spec.Well), spec.Attempt)
}
