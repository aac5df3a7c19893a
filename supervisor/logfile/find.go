package logfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Kind tells logs apart.
type Kind string

// The kinds of logs.
const (
	KindServer    Kind = "server"
	KindExecution Kind = "execution"
	KindWorker    Kind = "worker" // of an attempt that has not ended
)

// File is a log file.
type File struct {
	Path      string    `json:"path"`
	Kind      Kind      `json:"kind"`
	Port      int       `json:"port,omitempty"`         // of a server
	Execution string    `json:"execution_id,omitempty"` // its id; only the first 8 characters in names of an earlier version
	Well      string    `json:"well,omitempty"`         // of a worker
	Attempt   int       `json:"attempt,omitempty"`      // of a worker
	Aside     int       `json:"aside,omitempty"`        // 1 is the newest that rotation set aside
	Bytes     int64     `json:"bytes"`
	Modified  time.Time `json:"modified"`
}

// Name is what a person calls it: an execution's has 8 characters of the id.
func (f File) Name() string {
	if f.Kind == KindWorker {
		return fmt.Sprintf("%s#%d", f.Well, f.Attempt)
	}
	name := strings.TrimSuffix(filepath.Base(f.Path), ".log")
	if f.Kind == KindServer {
		name, _, _ = strings.Cut(name, ".log")
		return name
	}
	return strings.TrimSuffix(name, f.Execution[min(shortLength, len(f.Execution)):])
}

// Of tells whether it is about the execution: by the whole id or, with the name
// of an earlier version, as far as that tells.
func (f File) Of(execution string) bool {
	return f.Execution == execution || f.Abridged() && strings.HasPrefix(execution, f.Execution)
}

// Abridged tells whether the name has only the beginning of the execution's id.
func (f File) Abridged() bool { return len(f.Execution) == shortLength }

// Files lists the logs that are there, oldest first. It needs no server.
func (d Dir) Files() ([]File, error) {
	var all []File
	for _, dir := range []string{string(d), filepath.Join(string(d), "workers")} {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list logs: %w", err)
		}
		for _, entry := range entries {
			f, ok := identify(entry.Name(), dir != string(d))
			info, err := entry.Info()
			if !ok || err != nil { // err: folded meanwhile
				continue
			}
			f.Path, f.Bytes, f.Modified = filepath.Join(dir, entry.Name()), info.Size(), info.ModTime()
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b File) int { return cmp.Or(a.Modified.Compare(b.Modified), cmp.Compare(a.Path, b.Path)) })
	return all, nil
}

const (
	// idLength is the length of an execution's id, a UUID.
	idLength = 36
	// shortLength is how much of it stood in files' names before, and is shown.
	shortLength = 8
)

// identify reads a log's file name; see ServerPath, ExecutionPath, WorkerPath.
func identify(name string, worker bool) (File, bool) {
	if worker {
		return identifyWorker(name)
	}
	// A plate may be called "x.log".
	i := strings.LastIndex(name, ".log")
	if i < 0 {
		return File{}, false
	}
	stem, aside := name[:i], name[i+len(".log"):]
	if text, isServer := strings.CutPrefix(stem, "server-"); isServer {
		if port, err := strconv.Atoi(text); err == nil && len(text) < shortLength { // else a plate called "server"
			n, err := strconv.Atoi(strings.TrimPrefix(aside, "."))
			if aside == "" {
				n, err = 0, nil
			}
			return File{Kind: KindServer, Port: port, Aside: n}, err == nil
		}
	}
	if aside != "" {
		return File{}, false
	}
	if dash := len(stem) - idLength - 1; dash > 0 && stem[dash] == '-' && isID(stem[dash+1:]) {
		return File{Kind: KindExecution, Execution: stem[dash+1:]}, true
	}
	dash := strings.LastIndexByte(stem, '-')
	if dash < 1 || len(stem)-dash-1 != shortLength {
		return File{}, false
	}
	return File{Kind: KindExecution, Execution: stem[dash+1:]}, true
}

// identifyWorker reads ID-WELL.ATTEMPT.log.
func identifyWorker(name string) (File, bool) {
	stem, ok := strings.CutSuffix(name, ".log")
	id, rest, cut := strings.Cut(stem, "-")
	if len(stem) > idLength && stem[idLength] == '-' && isID(stem[:idLength]) {
		id, rest = stem[:idLength], stem[idLength+1:]
	}
	dot := strings.LastIndexByte(rest, '.')
	if !ok || !cut || dot < 1 {
		return File{}, false
	}
	attempt, err := strconv.Atoi(rest[dot+1:])
	return File{Kind: KindWorker, Execution: id, Well: rest[:dot], Attempt: attempt}, err == nil
}

func isID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}
