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
	Execution string    `json:"execution_id,omitempty"` // the first 8 characters of its id
	Well      string    `json:"well,omitempty"`         // of a worker
	Attempt   int       `json:"attempt,omitempty"`      // of a worker
	Aside     int       `json:"aside,omitempty"`        // 1 is the newest that rotation set aside
	Bytes     int64     `json:"bytes"`
	Modified  time.Time `json:"modified"`
}

// Name is what a person calls it.
func (f File) Name() string {
	if f.Kind == KindWorker {
		return fmt.Sprintf("%s#%d", f.Well, f.Attempt)
	}
	name, _, _ := strings.Cut(filepath.Base(f.Path), ".log")
	return name
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

// idLength is how much of an execution's id stands in a file's name.
const idLength = 8

// identify reads a log's file name; see ServerPath, ExecutionPath, WorkerPath.
func identify(name string, worker bool) (File, bool) {
	stem, aside, ok := strings.Cut(name, ".log")
	if worker { // ID-WELL.ATTEMPT.log
		stem, ok = strings.CutSuffix(name, ".log")
		id, rest, cut := strings.Cut(stem, "-")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || !cut || dot < 1 {
			return File{}, false
		}
		attempt, err := strconv.Atoi(rest[dot+1:])
		return File{Kind: KindWorker, Execution: id, Well: rest[:dot], Attempt: attempt}, err == nil
	}
	if i := strings.LastIndex(name, ".log"); ok && i >= 0 { // a plate may be called "x.log"
		stem, aside = name[:i], name[i+len(".log"):]
	}
	if text, isServer := strings.CutPrefix(stem, "server-"); isServer {
		if port, err := strconv.Atoi(text); err == nil && len(text) < idLength { // else a plate called "server"
			n, err := strconv.Atoi(strings.TrimPrefix(aside, "."))
			if aside == "" {
				n, err = 0, nil
			}
			return File{Kind: KindServer, Port: port, Aside: n}, err == nil
		}
	}
	dash := strings.LastIndexByte(stem, '-')
	if !ok || aside != "" || dash < 1 || len(stem)-dash-1 != idLength {
		return File{}, false
	}
	return File{Kind: KindExecution, Execution: stem[dash+1:]}, true
}
