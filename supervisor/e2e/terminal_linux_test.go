package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// terminal is a pseudo-terminal with what was drawn on it.
type terminal struct {
	t       *testing.T
	command *exec.Cmd
	master  *os.File

	mu      sync.Mutex
	drawn   bytes.Buffer
	changed chan struct{}
	ended   chan struct{} // closed when nothing more comes
}

// onTerminal starts the command on a terminal of this size that is its own, so
// that it gets the hangup when the terminal goes.
func onTerminal(t *testing.T, w *harness.World, kind string, columns, rows uint16, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Setenv("TERM", kind)
	term := &terminal{t: t, master: master, changed: make(chan struct{}), ended: make(chan struct{})}
	term.command = w.Command(harness.Binary(t), args...)
	term.command.Stdin, term.command.Stdout, term.command.Stderr = slave, slave, slave
	term.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go term.read()
	t.Cleanup(func() { _ = master.Close() })
	return term
}

// read collects until the last process on the terminal has gone, which a
// pseudo-terminal tells by an error.
func (v *terminal) read() {
	defer close(v.ended)
	block := make([]byte, 4096)
	for {
		n, err := v.master.Read(block)
		v.mu.Lock()
		v.drawn.Write(block[:n])
		close(v.changed)
		v.changed = make(chan struct{})
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (v *terminal) text() (string, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.drawn.String(), v.changed
}

// await waits until the text was drawn.
func (v *terminal) await(want string) {
	v.t.Helper()
	end := time.NewTimer(harness.Patience)
	defer end.Stop()
	for {
		text, changed := v.text()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-changed:
		case <-v.ended:
			v.t.Fatalf("%q was not drawn before the end: %q", want, text)
		case <-end.C:
			v.t.Fatalf("%q was not drawn: %q", want, text)
		}
	}
}

// wait waits for the end and returns the exit code and all that was drawn.
func (v *terminal) wait() (int, string) {
	v.t.Helper()
	_ = v.command.Wait() // the code says it
	<-v.ended
	text, _ := v.text()
	return v.command.ProcessState.ExitCode(), text
}

// On a terminal the plate fills in live: a cell per well, running wells with
// their steps, failed ones with their reasons; the last picture stays, and the
// outcome comes below it. The cursor is given back.
func TestLivePlate(t *testing.T) {
	w := faulty(t)
	text := strings.Replace(harness.Nuclei, "steps:\n",
		"steps:\n  - name: doze\n    function: fault_sleep\n    with: {duration: 1, wells: [A02, B01]}\n"+
			"  - name: fall\n    function: fault_error\n    with: {message: too dark, wells: [A03]}\n", 1)
	v := onTerminal(t, w, "xterm-256color", 100, 30, "run", w.Synthesize(plate.Synthesis{Wells: 4}), "-p", w.Pipeline(text), "--out", w.Path("out"), "--workers", "2")
	for _, want := range []string{"\x1b[?25l", "  1   2   3", "doze", "running", "wells done", "too dark"} {
		v.await(want)
	}
	code, drawn := v.wait()
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	shown := strings.LastIndex(drawn, "\x1b[?25h")
	if shown < strings.LastIndex(drawn, "\x1b[?25l") {
		t.Error("the cursor stays hidden")
	}
	says(t, drawn[max(0, shown):], "failed, 3 of 4 wells complete", "A03 failed: function_error", "too dark", "retry --failed")
}

// NO_COLOR and a dumb terminal are honoured.
func TestPlainTerminals(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	dir, pipeline := w.Plate(), w.Pipeline(harness.Nuclei)
	w.Setenv("NO_COLOR", "1")
	if code, drawn := onTerminal(t, w, "xterm-256color", 80, 24, "run", dir, "-p", pipeline, "--out", w.Path("a")).wait(); code != 0 || strings.Contains(drawn, "\x1b[38;") || strings.Contains(drawn, "\x1b[48;") {
		t.Errorf("exit code %d; with NO_COLOR it drew %q", code, drawn)
	}
	v := onTerminal(t, w, "dumb", 80, 24, "run", dir, "-p", pipeline, "--out", w.Path("b"))
	if code, drawn := v.wait(); code != 0 || strings.Contains(drawn, "\x1b") {
		t.Errorf("exit code %d; a dumb terminal was sent %q", code, drawn)
	}
}

// What is looked at again and again stays inside its window, and is plain lines
// where nothing can be erased.
func TestPsWatchOnTerminals(t *testing.T) {
	w := harness.New(t)
	w.Serve()
	v := onTerminal(t, w, "xterm-256color", 30, 3, "ps", "--watch", "--interval", "100ms")
	v.await("… and 2 more")
	interrupt(t, v)
	v.wait()
	v = onTerminal(t, w, "xterm-256color", 30, 24, "ps", "--watch", "--interval", "100ms")
	v.await("PID")
	interrupt(t, v)
	_, drawn := v.wait()
	for line := range strings.SplitSeq(strings.ReplaceAll(drawn, "\x1b[H\x1b[J", ""), "\r\n") {
		if len([]rune(line)) > 30+len("^C") {
			t.Errorf("%q does not fit", line)
		}
	}
	v = onTerminal(t, w, "dumb", 30, 3, "ps", "--watch", "--interval", "100ms")
	v.await("server")
	interrupt(t, v)
	if _, drawn := v.wait(); strings.Contains(drawn, "\x1b") {
		t.Errorf("a dumb terminal was sent %q", drawn)
	}
}

func interrupt(t *testing.T, v *terminal) {
	t.Helper()
	if err := v.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

// A terminal that is closed ends the run as Ctrl-C does.
func TestClosedTerminal(t *testing.T) {
	w := faulty(t)
	out := w.Path("out")
	v := onTerminal(t, w, "xterm-256color", 100, 30, "run", w.Plate(), "-p", w.Pipeline(asleep("A02")), "--out", out, "--workers", "2")
	v.await("3 of 4 wells done")
	if err := v.master.Close(); err != nil {
		t.Fatal(err)
	}
	closed := time.Now()
	if err := v.command.Wait(); v.command.ProcessState.ExitCode() != 130 {
		t.Errorf("the run ended with %v, want exit code 130", err)
	}
	if took := time.Since(closed); took > 20*time.Second {
		t.Errorf("the run ended %s after its terminal, want seconds", took)
	}
	if r := wells(t, out)["A02"]; r["Status"] != "cancelled" {
		t.Errorf("A02: %v", r)
	}
	tablesAgree(t, out)
	noWorker(t, w)
}
