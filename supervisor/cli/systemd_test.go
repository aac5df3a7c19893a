package cli

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// manager is a service manager's end of the notification socket.
func manager(t *testing.T, w *harness.World) *net.UnixConn {
	t.Helper()
	path := w.Path("run", "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w.Setenv("NOTIFY_SOCKET", path)
	return c
}

// await reads until a state comes.
func await(t *testing.T, c *net.UnixConn, state string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			t.Fatalf("waited for %s: %v", state, err)
		}
		if strings.Contains(string(buffer[:n]), state) {
			return
		}
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--transport", "tcp", "--curve"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			w := harness.New(t)
			w.Setenv("WATCHDOG_USEC", "400000")
			c := manager(t, w)
			if flags != nil {
				flags = append(flags, "--port", strconv.Itoa(w.FreePort()))
			}
			s := w.Serve(flags...)
			await(t, c, "READY=1")
			await(t, c, "WATCHDOG=1")
			await(t, c, "WATCHDOG=1")
			if r := s.Stop(); r.Code != 0 {
				t.Errorf("the server ended with %d: %s", r.Code, r.Stderr)
			}
			await(t, c, "STOPPING=1")
		})
	}
}

// A server that does not answer says nothing, so that it is ended.
func TestWatchdogIsSilentForASilentServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var told atomic.Int32
	w := &watchdog{
		period: 50 * time.Millisecond, endpoint: "ipc://" + t.TempDir() + "/nobody",
		notify: func(string) { told.Add(1) }, log: slog.New(slog.DiscardHandler),
	}
	w.run(ctx)
	if told.Load() != 0 {
		t.Errorf("it spoke %d times", told.Load())
	}
}

func TestWatchdogPeriod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{{"", "", 0}, {"x", "", 0}, {"-5", "", 0}, {"30000000", "", 15 * time.Second}, {"30000000", "1", 0}} {
		got := watchdogPeriod(func(name string) string {
			return map[string]string{"WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}[name]
		})
		if got != c.want {
			t.Errorf("%q for process %q gives %s, want %s", c.usec, c.pid, got, c.want)
		}
	}
}
