package tui

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is what a terminal would be sent; it tells when a text arrives.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wants string
	seen  chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	if s.wants != "" && strings.Contains(s.text.String(), s.wants) {
		s.wants = ""
		close(s.seen)
	}
	return len(b), nil
}

func TestRunDrawsTheEndAndReturns(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	events := make(chan Event, 10)
	events <- Event{Wells: []string{"A01", "A02"}}
	events <- Event{Well: "A01", Status: enums.WellComplete}
	events <- Event{Well: "A02", Status: enums.WellFailed, Reason: enums.ReasonPanic}
	close(events)
	out := &screen{}
	err := Run(ctx, events, out, Options{Title: "P1", Environment: []string{"TERM=xterm", "NO_COLOR=1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"P1", "2 of 2 wells done", "panic"} {
		if !strings.Contains(out.text.String(), want) {
			t.Errorf("%q is not on the screen: %q", want, out.text.String())
		}
	}
	// At the end everything below the cursor is erased: the last line must be above it.
	before, _, _ := strings.Cut(out.text.String()[strings.LastIndex(out.text.String(), "panic"):], "\x1b[J")
	if !strings.Contains(before, "\n") {
		t.Errorf("the last line is erased: %q", out.text.String())
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &screen{wants: "compiling", seen: make(chan struct{})}
	events := make(chan Event, 1)
	events <- Event{Message: "compiling"}
	done := make(chan error, 1)
	go func() { done <- Run(ctx, events, out, Options{Title: "P1", Environment: []string{"TERM=xterm"}}) }()
	within := time.After(20 * time.Second)
	select {
	case <-out.seen:
	case err := <-done:
		t.Fatal("ended by itself:", err)
	case <-within:
		t.Fatal("nothing was drawn")
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-within:
		t.Fatal("did not stop")
	}
}

func TestPlainWritesALinePerThingWorthKnowing(t *testing.T) {
	t.Parallel()
	events := make(chan Event, 20)
	for _, e := range []Event{
		{Wells: []string{"A01", "A02", "A03"}, Message: "compiled 4 steps"},
		{Message: "compiled 4 steps"},
		{Well: "A01", Status: enums.WellRunning, Attempt: 1},
		{Well: "A01", Step: "smooth", Percent: 20},
		{Well: "A01", Status: enums.WellComplete},
		{Well: "A02", Status: enums.WellRetryWait, Attempt: 1, Reason: enums.ReasonSignal, Error: "killed by signal 9"},
		{Well: "A02", Status: enums.WellFailed, Attempt: 2, Reason: enums.ReasonPanic, Error: "index\x1b[31m out of range"},
		{Well: "A03", Status: enums.WellCancelled},
		{Well: "A03", Status: enums.WellCancelled},
	} {
		events <- e
	}
	close(events)
	var out bytes.Buffer
	if err := Plain(t.Context(), events, &out, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `compiled 4 steps
A01  complete  (1 of 3 done)
A02  will be tried again after attempt 1: signal: killed by signal 9
A02  failed  (2 of 3 done)  panic: index [31m out of range
A03  cancelled  (3 of 3 done)
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
