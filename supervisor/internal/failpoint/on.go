//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Enabled tells whether this binary has failpoints.
const Enabled = true

const (
	envPoints = "WELLHOUSE_FAILPOINT"
	envDir    = "WELLHOUSE_FAILPOINT_DIR"
	envStuck  = "WELLHOUSE_FAILPOINT_STUCK"
	envGrace  = "WELLHOUSE_ORPHAN_GRACE" // of package plugin, handed on to workers
)

var (
	mutex sync.Mutex
	seen  = map[string]int{}
)

// Hit marks a place; when it is the one that was chosen, the process ends here,
// as by kill -9.
func Hit(name string) {
	dir := os.Getenv(envDir)
	if dir == "" {
		return
	}
	mutex.Lock()
	defer mutex.Unlock()
	seen[name]++
	hit := fmt.Sprintf("%s#%d", name, seen[name])
	trace(filepath.Join(dir, "trace"), hit)
	_ = os.WriteFile(filepath.Join(dir, "goroutines"), fmt.Appendln(nil, runtime.NumGoroutine()), 0o600)
	for i, point := range strings.Split(os.Getenv(envPoints), ";") {
		if point != hit {
			continue
		}
		// Whoever makes the file fires; it is there for good.
		fuse, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("fired-%d", i)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			continue
		}
		_, _ = fmt.Fprintf(fuse, "%s pid %d\n", hit, os.Getpid())
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// trace appends a line in one write.
func trace(path, line string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(line + "\n")
	_ = f.Close()
}

// varying are the parts of a path that differ between runs.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`^\.(.*?)\d{6,}$`), ".$1"},
}

// label is the end of a path, the same in every run.
func label(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	parts = parts[max(0, len(parts)-2):]
	for i, part := range parts {
		for _, v := range varying {
			part = v.pattern.ReplaceAllString(part, v.name)
		}
		parts[i] = part
	}
	return strings.Join(parts, "/")
}

// Step makes every change to a file system a point.
func Step() func(operation, path string) error { return step("") }

// WorkerStep is Step in a worker.
func WorkerStep() func(operation, path string) error { return step("worker ") }

func step(prefix string) func(operation, path string) error {
	return func(operation, path string) error {
		Hit(prefix + operation + " " + label(path))
		return nil
	}
}

// Kill sends signals, unless processes are to seem stuck in the kernel.
func Kill() func(pid int, signal syscall.Signal) error {
	stuck := os.Getenv(envStuck)
	if stuck == "" {
		return nil
	}
	return func(pid int, signal syscall.Signal) error {
		if _, err := os.Stat(stuck); err == nil {
			return nil
		}
		return syscall.Kill(pid, signal)
	}
}

// WorkerEnv is what workers need in their environment.
func WorkerEnv() []string {
	var env []string
	for _, name := range []string{envPoints, envDir, envGrace} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
