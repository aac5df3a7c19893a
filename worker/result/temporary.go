package result

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const temporarySuffix = ".tmp"

// TemporaryDir is where an attempt's temporary files go, given its directory:
// beside it, so that committing a result does not carry them along. The worker
// makes it; whoever finds the worker gone removes it, and [Folder.Sweep] what
// nobody found.
func TemporaryDir(attempt string) string { return attempt + temporarySuffix }

// RemoveTemporary removes an attempt's temporary files, and the shared memory that
// [NoteShared] wrote down among them.
func RemoveTemporary(attempt string) error {
	dir := TemporaryDir(attempt)
	if err := errors.Join(removeShared(dir), os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	return nil
}

// attemptName is the name of an attempt's directory, also of the one beside it.
func attemptName(entry string) string { return strings.TrimSuffix(entry, temporarySuffix) }
