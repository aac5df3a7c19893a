package protocol

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// python is the interpreter that Debian's pyzmq belongs to.
const python = "/usr/bin/python3"

// slow is a pipeline whose wells never end by themselves in a test.
var slow = harness.Fault("fault_sleep", "duration: 600")

// foreign runs testdata/client.py against a server's endpoints.
func foreign(t *testing.T, control, data string, arguments ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import zmq").CombinedOutput(); err != nil {
		t.Skipf("no Python with pyzmq (Debian: python3-zmq): %v %s", err, out)
	}
	deadline := time.AfterFunc(harness.Patience, func() { t.Logf("the Python client has run for %s", harness.Patience) })
	defer deadline.Stop()
	command := exec.CommandContext(t.Context(), python, append([]string{"testdata/client.py", control, data}, arguments...)...)
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("the Python client: %v\n%s", err, out)
	}
}

func small(w *harness.World) string { return w.Synthesize(plate.Synthesis{Wells: 3}) }

func ipc(path string) string { return "ipc://" + path }

// A client that knows nothing but the protocol's description does everything
// with the server that it describes.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	s := w.Serve("--workers", "2")
	folder := small(w)
	foreign(t, ipc(w.Places.Socket(s.Port+1000)), ipc(w.Places.Socket(s.Port)),
		"ping", "validation", "registration", "run", "late", "compiling", "cancelling", "ping", "ending",
		"plate="+folder, "pipeline="+harness.Nuclei, "slow="+slow,
		"out="+w.Path("out"), "out2="+w.Path("out2"), "out3="+w.Path("out3"), "out4="+w.Path("out4"), "out5="+w.Path("out5"))
	if !t.Failed() {
		if r := s.Wait(); r.Code != 0 {
			t.Errorf("after force_shutdown the server ended with %d: %s", r.Code, r.Stderr)
		}
	}
}

// The same over TCP and over OpenHCS's own socket paths, at once.
func TestPythonClientOverTCPAndOpenHCSPaths(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := w.FreePort()
	s := w.Serve("--workers", "2", "--transport", "ipc,tcp", "--openhcs", "--port", fmt.Sprint(port))
	theirs := func(port int) string {
		return filepath.Join(w.Dir, "home", ".openhcs", "ipc", fmt.Sprintf("openhcs-zmq-%d.sock", port))
	}
	for name, at := range map[string]func(port int) string{
		"tcp":     func(port int) string { return fmt.Sprintf("tcp://127.0.0.1:%d", port) },
		"openhcs": func(port int) string { return ipc(theirs(port)) },
	} {
		foreign(t, at(port+1000), at(port), "ping", "validation", "registration", "run", "late",
			"plate="+small(w), "pipeline="+harness.Nuclei, "out="+w.Path("out-"+name))
	}
	if info, err := os.Stat(theirs(port + 1000)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket at OpenHCS's path lets others in: %v, %v", info, err)
	}
	foreign(t, ipc(theirs(port+1000)), ipc(theirs(port)), "ending")
	if r := s.Wait(); r.Code != 0 || !strings.Contains(r.Stderr, "Serving on port") {
		t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
	}
	if _, err := os.Lstat(theirs(port + 1000)); err == nil {
		t.Error("the socket at OpenHCS's path is left behind")
	}
}
