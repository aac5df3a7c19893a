package harness

import (
	"bufio"
	"context"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// Server is a running `supervisor serve`.
type Server struct {
	*Process
	Port int
}

// Serve starts a server with the given flags and waits until it answers.
func (w *World) Serve(flags ...string) *Server {
	w.tb.Helper()
	s, ready := w.TryServe(flags...)
	if !ready {
		s.Kill()
		w.tb.Fatalf("the server does not get ready: %s", s.err.text())
	}
	return s
}

// TryServe is Serve for a server that may end before it answers.
func (w *World) TryServe(flags ...string) (s *Server, ready bool) {
	w.tb.Helper()
	hears, says, err := os.Pipe()
	if err != nil {
		w.tb.Fatal(err)
	}
	defer hears.Close()
	s = &Server{Port: place.DefaultPort}
	for i, flag := range flags {
		if flag == "--port" && i+1 < len(flags) {
			s.Port, _ = strconv.Atoi(flags[i+1])
		}
	}
	s.Process = w.start([]*os.File{says}, append([]string{"serve", "--ready-fd", "3"}, flags...)...)
	s.server = true
	_ = says.Close()
	answers := make(chan bool, 1)
	go func() { // ends when the server speaks or is gone
		line, _ := bufio.NewReader(hears).ReadString('\n')
		answers <- line != ""
	}()
	select {
	case ready = <-answers:
	case <-w.Context().Done():
	}
	return s, ready
}

// Kill ends the server as kill -9 does, and waits until it is gone. Its workers
// go on.
func (s *Server) Kill() {
	s.w.tb.Helper()
	s.Signal(syscall.SIGKILL)
	s.Wait()
}

// Stop ends the server as a service manager does.
func (s *Server) Stop() Result {
	s.w.tb.Helper()
	s.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Client connects to the world's server on the default port; the connection
// ends with the test.
func (w *World) Client() *client.Client {
	w.tb.Helper()
	return w.ClientAt(place.DefaultPort)
}

// ClientAt is Client for another port.
func (w *World) ClientAt(port int) *client.Client {
	w.tb.Helper()
	c := w.connect(port)
	w.tb.Cleanup(c.Close)
	return c
}

func (w *World) connect(port int) *client.Client {
	w.tb.Helper()
	c, err := client.Connect(w.Context(), client.Options{Places: w.Places, Port: port})
	if err != nil {
		w.tb.Fatal(err)
	}
	return c
}

// Submit queues a plate with a pipeline, as text, and returns the execution's id.
func (w *World) Submit(plate, pipeline string, flags ...string) string {
	w.tb.Helper()
	args := append([]string{"submit", plate, "--pipeline", w.Pipeline(pipeline)}, flags...)
	var accepted message.Accepted
	w.JSON(&accepted, args...)
	return accepted.ExecutionID
}

// Status is an execution as the server has it now.
func (w *World) Status(id string) message.Execution {
	w.tb.Helper()
	c := w.connect(place.DefaultPort)
	defer c.Close()
	x, err := c.Status(w.Context(), id)
	if err != nil {
		w.tb.Fatal(err)
	}
	return x
}

// Await follows an execution until what a follower is told satisfies the
// condition: events as they come, and the whole status once a second (either may
// be nil, the other not). It fails the test when the execution ends before.
func (w *World) Await(id, what string, status func(message.Execution) bool, event func(*progress.Event) bool) {
	w.tb.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	met := false
	c := w.connect(place.DefaultPort)
	defer c.Close()
	x, err := c.Follow(ctx, id, client.Follower{
		Status: func(x message.Execution) {
			if status != nil && status(x) {
				met = true
				cancel()
			}
		},
		Event: func(e *progress.Event) {
			if event != nil && event(e) {
				met = true
				cancel()
			}
		},
	})
	if !met {
		w.tb.Fatalf("execution %s: waited for %s: %v; its status is %q", id, what, err, x.Status)
	}
}

// AwaitEnd follows an execution to its end and returns its final state.
func (w *World) AwaitEnd(id string) message.Execution {
	w.tb.Helper()
	c := w.connect(place.DefaultPort)
	defer c.Close()
	x, err := c.Follow(w.Context(), id, client.Follower{})
	if err != nil {
		w.tb.Fatalf("execution %s: waited for its end: %v", id, err)
	}
	return x
}

// AwaitRunning waits until a well of the execution has begun a step.
func (w *World) AwaitRunning(id string) {
	w.tb.Helper()
	w.Await(id, "a running well", func(x message.Execution) bool {
		return slices.ContainsFunc(x.Wells, func(v message.Well) bool { return v.Status == "running" && v.Step != "" })
	}, func(e *progress.Event) bool { return e.GetWell() != "" && e.GetPhase() == "step_started" })
}
