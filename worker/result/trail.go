package result

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
)

const trailFile = "step"

// Trail keeps the name of the step that is at work in a file of the attempt's
// directory, for whoever finds the process dead: progress messages may be lost,
// and those on their way die with the process. A nil Trail does nothing.
type Trail struct {
	mu   sync.Mutex
	file *os.File
	last string
}

// NewTrail begins a trail, or returns nil: a trail that cannot be written is
// missed by nobody while all goes well.
func NewTrail(dir string) *Trail {
	file, err := os.Create(filepath.Join(dir, trailFile))
	if err != nil {
		return nil
	}
	return &Trail{file: file}
}

// Note says that a step begins to work. It costs one write to the page cache.
func (t *Trail) Note(step string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if step != t.last {
		t.last = step
		_, _ = t.file.WriteAt([]byte(step+"\n"), 0) // what is left of a longer name comes after the line
	}
}

// Last is the step that was noted last, "" when none was.
func (t *Trail) Last() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Remove ends the trail: the outcome says more.
func (t *Trail) Remove() {
	if t == nil {
		return
	}
	_ = os.Remove(t.file.Name())
	_ = t.file.Close()
}

// ReadTrail is the step that an attempt was at, "" when it left no trail.
func ReadTrail(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, trailFile))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	return string(line)
}
