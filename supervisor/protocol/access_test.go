package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// nobody is another user of the machine.
const nobody = 65534

// asNobody connects to sockets and opens files as another user, and returns what
// became of each.
func asNobody(t *testing.T, paths ...string) map[string]string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	if _, err := os.Stat(python); err != nil {
		t.Skip("no Python to ask as another user")
	}
	const script = `
import errno, socket, sys
for path in sys.argv[1:]:
    try:
        if path.endswith(".sock"):
            socket.socket(socket.AF_UNIX).connect(path)
        else:
            open(path)
        print("open")
    except OSError as e:
        print(errno.errorcode[e.errno])
`
	command := exec.CommandContext(t.Context(), python, append([]string{"-c", script}, paths...)...)
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("ask as another user: %v\n%s", err, out)
	}
	came := map[string]string{}
	for i, word := range strings.Fields(string(out)) {
		came[paths[i]] = word
	}
	return came
}

// Another user of the machine reaches no socket, record, log or key, although
// every folder above them is open.
func TestAnotherUserStaysOutside(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for _, dir := range []string{"", "run", "state", "home", "tmp"} {
		if err := os.Chmod(w.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Setenv("WELLHOUSE_FAULTS", "1")
	w.OK("keys", "client", "somebody", w.Path("tmp", "key"))
	s := w.Serve("--openhcs", "--workers", "1")
	id := w.Submit(small(w), slow)
	w.AwaitRunning(id)
	workers, err := filepath.Glob(filepath.Join(w.Places.Run, "w*", "*"))
	if err != nil || len(workers) == 0 {
		t.Fatalf("no socket of a worker: %v", err)
	}
	paths := []string{w.Places.Socket(s.Port), w.Places.Socket(s.Port + 1000), w.Places.Store(), filepath.Join(w.Places.State, "keys.json"),
		w.Path("tmp", "key"), filepath.Join(w.Places.Logs(), fmt.Sprintf("server-%d.log", s.Port))}
	for _, port := range []int{s.Port, s.Port + 1000} {
		paths = append(paths, w.Path("home", ".openhcs", "ipc", fmt.Sprintf("openhcs-zmq-%d.sock", port)))
	}
	for path, came := range asNobody(t, append(paths, workers...)...) {
		if came != "EACCES" {
			t.Errorf("%s: %s for another user, want EACCES", path, came)
		}
	}
}

// A run-time directory that another user has made first is not trusted.
func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	w := harness.New(t)
	w.Setenv("XDG_RUNTIME_DIR", "")
	squatted := w.Path("tmp", fmt.Sprintf("wellhouse-%d", os.Getuid()))
	if err := errors.Join(os.Mkdir(squatted, 0o700), os.Chown(squatted, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	if r := w.Want(2, "serve"); !strings.Contains(r.Stderr, "belongs to user 65534") {
		t.Errorf("stderr: %s", r.Stderr)
	}
}

func TestOtherMachinesNeedKeys(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	for _, host := range []string{"0.0.0.0", "*", "192.0.2.1", "::"} {
		if r := w.Want(2, "serve", "--transport", "tcp", "--host", host); !strings.Contains(r.Stderr, "--curve") {
			t.Errorf("--host %s: stderr: %s", host, r.Stderr)
		}
	}
}

// Without keys TCP on loopback lets every user of the machine in, and the log
// says so.
func TestLoopbackWithoutKeysIsToldOf(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	port := fmt.Sprint(w.FreePort())
	defer w.Serve("--transport", "tcp", "--port", port).Stop()
	w.OK("ping", "--connect", "127.0.0.1", "--port", port)
	if log := w.Read(filepath.Join(w.Places.Logs(), "server-"+port+".log")); !strings.Contains(log, "every user of this machine can connect") {
		t.Errorf("the log: %s", log)
	}
}

// With --curve only clients with a key that the server knows get an answer; keys
// come and go while it runs.
func TestKeys(t *testing.T) {
	t.Parallel()
	w, elsewhere := harness.New(t), harness.New(t)
	port := fmt.Sprint(w.FreePort())
	w.OK("keys", "client", "alice", w.Path("alice"))
	elsewhere.OK("keys", "client", "mallory", w.Path("mallory"))
	defer w.Serve("--transport", "tcp", "--curve", "--port", port, "--workers", "1").Stop()
	at := []string{"--connect", "127.0.0.1", "--port", port}
	ping := func(more ...string) harness.Result { return w.Run(append(append([]string{"ping"}, at...), more...)...) }

	if r := ping("--key", w.Path("alice")); r.Code != 0 {
		t.Errorf("the right key: exit code %d: %s", r.Code, r.Stderr)
	}
	if r := ping(); r.Code != 3 || strings.Contains(r.Stdout, "wellhouse") {
		t.Errorf("no key: exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if comesIn(t, w, port, "mallory") {
		t.Error("a key of another server is let in")
	}
	// A plate from submission to end over it, so that progress comes through too.
	submit := append([]string{"submit", small(w), "--pipeline", w.Pipeline(harness.Nuclei), "--key", w.Path("alice")}, at...)
	id := strings.TrimSpace(w.OK(submit...))
	w.OK(append([]string{"wait", id, "--key", w.Path("alice")}, at...)...)

	w.OK("keys", "client", "bob", w.Path("bob"))
	eventually(t, "a key that was added to be let in", func() bool { return comesIn(t, w, port, "bob") })
	w.OK("keys", "revoke", "bob")
	eventually(t, "a key that was revoked to be refused", func() bool { return !comesIn(t, w, port, "bob") })
	if r := ping("--key", w.Path("alice")); r.Code != 0 {
		t.Errorf("the other key afterwards: exit code %d: %s", r.Code, r.Stderr)
	}
}

// comesIn tells whether a client with the keys in a file gets an answer soon.
func comesIn(t *testing.T, w *harness.World, port, file string) bool {
	t.Helper()
	var keys struct{ Server, Public, Secret string }
	if err := json.Unmarshal([]byte(w.Read(file)), &keys); err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	_, err = control.Probe(ctx, fmt.Sprintf("tcp://127.0.0.1:%d", number+1000), control.Options{Curve: &control.Curve{
		ServerKey: keys.Server, PublicKey: keys.Public, SecretKey: keys.Secret,
	}})
	return err == nil
}

// Outside --allow nothing is read, nothing is written and nothing is learnt: the
// words are the same whether a path exists or not.
func TestAllow(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	allowed := w.Path("allowed")
	link := func(target, name string) string {
		t.Helper()
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, dir := range []string{allowed, w.Path("allowed-not"), w.Path("secret")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	move := func(to string) string {
		t.Helper()
		if err := os.Rename(small(w), to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	inside, outside := move(filepath.Join(allowed, "plate")), move(w.Path("secret", "plate"))
	w.Serve("--workers", "1", "--allow", link(allowed, w.Path("door")))
	c := w.Client()
	submit := func(plate, out string) error {
		_, err := c.Submit(w.Context(), message.Execute{PlateID: plate, OutputPath: out, PipelineCode: harness.Nuclei})
		return err
	}
	good := filepath.Join(allowed, "out")
	for name, paths := range map[string][2]string{ // one that exists, one that does not
		"a plate outside":             {outside, w.Path("secret", "nothing")},
		"a plate beside":              {w.Path("allowed-not"), w.Path("allowed-none")},
		"a plate through ..":          {allowed + "/../secret/plate", allowed + "/../secret/none"},
		"a plate through a link":      {link(outside, filepath.Join(allowed, "there")), link(w.Path("secret", "nothing"), filepath.Join(allowed, "gone"))},
		"a plate below a link":        {link(w.Path("secret"), filepath.Join(allowed, "way")) + "/plate", filepath.Join(allowed, "way", "nothing")},
		"a plate through two links":   {link(filepath.Join(allowed, "there"), filepath.Join(allowed, "there2")), link(filepath.Join(allowed, "gone"), filepath.Join(allowed, "gone2"))},
		"a plate below a lost link":   {outside, filepath.Join(allowed, "gone") + "/below/it"},
		"a plate in a circle of them": {link(filepath.Join(allowed, "loop"), filepath.Join(allowed, "loop2")), link(filepath.Join(allowed, "loop2"), filepath.Join(allowed, "loop"))},
		"a file that is no folder":    {"/etc/passwd", "/etc/passwd/x"},
	} {
		var texts [2]string
		for i, path := range paths {
			err := submit(path, good)
			var refusal *message.Error
			if !errors.As(err, &refusal) || refusal.Code != message.CodeForbidden {
				t.Errorf("%s, %s: %v", name, path, err)
				continue
			}
			texts[i] = strings.ReplaceAll(refusal.Text, filepath.Clean(path), "PATH")
			if err := submit(inside, path); !errors.As(err, &refusal) || refusal.Code != message.CodeForbidden {
				t.Errorf("results into %s: %v", path, err)
			}
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: it shows what exists: %q, %q", name, texts[0], texts[1])
		}
	}

	// A link inside a plate that leads outside: to an image, to the metadata that
	// is read before any image, to nothing, to a folder.
	for name, target := range map[string]string{
		"lost.HTD": w.Path("secret", "nothing.HTD"), "secret.HTD": "/etc/passwd", "stolen.tif": someImage(t, outside), "lost.tif": w.Path("secret", "x.tif"),
		"folder": w.Path("secret"),
	} {
		folder := move(filepath.Join(allowed, "plate-"+strings.ReplaceAll(name, ".", "-")))
		link(target, filepath.Join(folder, name))
		accepted, err := c.Submit(w.Context(), message.Execute{PlateID: folder, PipelineCode: harness.Nuclei})
		if err != nil {
			t.Fatal(err)
		}
		x := w.AwaitEnd(accepted.ExecutionID)
		if x.Status != "failed" || x.ErrorCode != "invalid_input" || x.Error == nil || !strings.Contains(*x.Error, name+" is outside the folders") {
			t.Errorf("a plate with a link %s to %s ended as %s: %s", name, target, x.Status, text(x.Error))
		}
	}

	if err := submit(inside, good); err != nil {
		t.Fatal(err)
	}
	accepted, err := c.Submit(w.Context(), message.Execute{PlateID: w.Path("door", "plate"), PipelineCode: harness.Nuclei})
	if err != nil {
		t.Fatal(err)
	}
	if x := w.AwaitEnd(accepted.ExecutionID); x.Status != "complete" {
		t.Errorf("a plate inside ended as %s: %s", x.Status, text(x.Error))
	}
	if _, err := os.Stat(outside + "_wellhouse"); err == nil {
		t.Error("something was written outside")
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// someImage is an image of a plate.
func someImage(t *testing.T, folder string) string {
	t.Helper()
	index, err := plate.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return index.Path(index.Images[0])
}
