package logfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// foldLimit bounds what of one worker's log goes into the execution's.
	foldLimit = 256 << 10
	// lineLimit bounds a line that is folded.
	lineLimit = 4 << 10
	// executionLimit bounds an execution's log; beyond it, only what is logged
	// directly is still written.
	executionLimit = 64 << 20
	// plateLength bounds how much of a plate's name is in a file's name, which file
	// systems limit to 255 bytes.
	plateLength = 200
)

// Dir is a directory of logs.
type Dir string

// ServerPath is the log of the server on a port.
func (d Dir) ServerPath(port int) string {
	return filepath.Join(string(d), fmt.Sprintf("server-%d.log", port))
}

// ExecutionPath is the log of an execution over a plate folder. Clients may
// choose ids, so that many can begin alike: the whole one is in the name.
func (d Dir) ExecutionPath(id, plate string) string {
	name := fileName(filepath.Base(plate))
	return filepath.Join(string(d), name[:min(plateLength, len(name))]+"-"+id+".log")
}

// WorkerPath is the log of a running attempt.
func (d Dir) WorkerPath(id, well string, attempt int) string {
	return filepath.Join(string(d), "workers", fmt.Sprintf("%s-%s.%d.log", id, fileName(well), attempt))
}

// fileName keeps letters, digits and a few marks of a name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
}

// Execution is the log of one execution. It is safe for concurrent use.
type Execution struct {
	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenExecution opens or continues the log of an execution.
func (d Dir) OpenExecution(id, plate string) (*Execution, error) {
	if err := os.MkdirAll(filepath.Join(string(d), "workers"), 0o700); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	f, err := os.OpenFile(d.ExecutionPath(id, plate), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open execution log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open execution log: %w", err), f.Close())
	}
	return &Execution{file: f, size: info.Size()}, nil
}

// Write appends p whole.
func (e *Execution) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := e.file.Write(p)
	e.size += int64(n)
	return n, err
}

// Close closes the file.
func (e *Execution) Close() error { return e.file.Close() }

// Append takes over a worker's log, each line with its well and attempt. Of a log
// that is too long the beginning and the end are kept. The worker's file stays:
// it is evidence until the end of the attempt is on record.
func (e *Execution) Append(path, well string, attempt int, ended time.Time) error {
	text, err := readEnds(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("take over worker log: %w", err)
	}
	var folded bytes.Buffer
	mark := fmt.Sprintf(" well=%s attempt=%d\n", well, attempt)
	lines := bufio.NewReader(bytes.NewReader(text))
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			folded.WriteString(textLine(line, ended) + mark)
		}
		if err != nil {
			break
		}
	}
	e.mu.Lock()
	if e.size+int64(folded.Len()) <= executionLimit {
		var n int
		n, err = e.file.Write(folded.Bytes())
		e.size += int64(n)
	}
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("take over worker log: %w", err)
	}
	return nil
}

// textLine makes any line one of slog's text form: bytes that are not UTF-8 and
// NUL are escaped, and what a crash or a library printed becomes a message.
func textLine(line string, at time.Time) string {
	if len(line) > lineLimit {
		line = line[:lineLimit] + fmt.Sprintf("… (%d bytes more)", len(line)-lineLimit)
	}
	if strings.HasPrefix(line, "time=") && utf8.ValidString(line) && !strings.ContainsRune(line, 0) {
		return line
	}
	return fmt.Sprintf("time=%s level=INFO msg=%q", at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), line)
}

// readEnds reads a file, or the beginning and the end of a long one.
func readEnds(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() <= foldLimit {
		return io.ReadAll(f)
	}
	half := make([]byte, foldLimit/2)
	if _, err := io.ReadFull(f, half); err != nil {
		return nil, err
	}
	tail := make([]byte, foldLimit/2)
	n, err := f.ReadAt(tail, info.Size()-int64(len(tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	left := fmt.Sprintf("\n(%d bytes of this log are left out)\n", info.Size()-foldLimit)
	return slices.Concat(half, []byte(left), tail[:n]), nil
}
