package logfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
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
	Execution string    `json:"execution_id,omitempty"` // its id
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
	return strings.TrimSuffix(name, f.Execution[shortLength:])
}

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
			if !ok || err != nil || !readable(info.Mode()) { // err: folded meanwhile
				continue
			}
			f.Path, f.Bytes, f.Modified = filepath.Join(dir, entry.Name()), info.Size(), info.ModTime()
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b File) int { return cmp.Or(a.Modified.Compare(b.Modified), cmp.Compare(a.Path, b.Path)) })
	return all, nil
}

// readable tells a file, a link or a device from what is no log: opening a named
// pipe waits for somebody at its other end, perhaps for ever.
func readable(mode fs.FileMode) bool {
	return mode&(fs.ModeDir|fs.ModeNamedPipe|fs.ModeSocket) == 0
}

const (
	// idLength is the length of an execution's id, a UUID.
	idLength = 36
	// shortLength is how much of it is shown.
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
		if port, err := strconv.Atoi(text); err == nil && port <= math.MaxUint16 {
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
	dash := len(stem) - idLength - 1
	if dash < 1 || stem[dash] != '-' || !isID(stem[dash+1:]) {
		return File{}, false
	}
	return File{Kind: KindExecution, Execution: stem[dash+1:]}, true
}

// identifyWorker reads ID-WELL.ATTEMPT.log.
func identifyWorker(name string) (File, bool) {
	stem, ok := strings.CutSuffix(name, ".log")
	if !ok || len(stem) <= idLength || stem[idLength] != '-' || !isID(stem[:idLength]) {
		return File{}, false
	}
	id, rest := stem[:idLength], stem[idLength+1:]
	dot := strings.LastIndexByte(rest, '.')
	if dot < 1 {
		return File{}, false
	}
	attempt, err := strconv.Atoi(rest[dot+1:])
	return File{Kind: KindWorker, Execution: id, Well: rest[:dot], Attempt: attempt}, err == nil
}

func isID(text string) bool {
	id, err := uuid.Parse(text)
	return err == nil && id.String() == text
}
