package harness

import "os/exec"

// Command is any program in the world's environment and directory, not started
// yet, for tests that need other streams than Start gives. The caller waits for
// it; what it leaves behind is found all the same.
func (w *World) Command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(w.Context(), name, args...)
	c.Env, c.Dir = w.env, w.Dir
	return c
}
