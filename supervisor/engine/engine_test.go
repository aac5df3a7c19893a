package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// plate is an edge whose wells do what a script says, in virtual time.
type plate struct {
	mu      sync.Mutex
	wells   []CompiledWell
	script  func(well string, attempt int) (Ended, time.Duration)
	compile error
	started []string
	running int
	most    int
	news    []string
	blocked chan struct{} // Save waits for it when set
	saved   []string
}

func (p *plate) Compile(_ context.Context, x Execution) (Compilation, error) {
	return Compilation{Wells: p.wells, Workers: x.Workers, Retries: x.Retries, Memory: x.Memory}, p.compile
}

func (p *plate) Start(ctx context.Context, order Start, report Report) Ended {
	ended, takes := p.script(order.Well.Name, order.Attempt.Number)
	if ended.Evidence.Reason != enums.ReasonStartFailed {
		if err := report.Spawned(100, json.RawMessage(`{}`)); err != nil {
			return Ended{Evidence: Attempt{Reason: enums.ReasonCancelled}}
		}
	}
	p.mu.Lock()
	p.started = append(p.started, fmt.Sprintf("%s.%d", order.Well.Name, order.Attempt.Number))
	p.running++
	p.most = max(p.most, p.running)
	if !slices.Contains(p.saved, fmt.Sprintf("%s starting %d", order.Well.Name, order.Attempt.Number)) {
		p.news = append(p.news, "started before the intent was durable")
	}
	p.mu.Unlock()
	report.Running()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		ended = Ended{Evidence: Attempt{Reason: enums.ReasonCancelled}}
	}
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
	return ended
}

func (p *plate) Adopt(ctx context.Context, order Adopt, report Report) Ended {
	return p.Start(ctx, Start(order), report)
}

func (p *plate) Commit(context.Context, Execution, Well, int) error { return nil }

func (p *plate) Merge(_ context.Context, _ Execution, wells []Well) (json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"wells":%d}`, len(wells))), nil
}

func (p *plate) Publish(c Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := ""
	if c.Well != nil {
		name = c.Well.Name + " "
	}
	p.news = append(p.news, name+string(c.Phase)+" "+c.Message)
}

func (p *plate) Save(ctx context.Context, executions []Execution, wells []Well) error {
	p.mu.Lock()
	blocked := p.blocked
	p.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range wells {
		p.saved = append(p.saved, fmt.Sprintf("%s %s %d", w.Name, w.Status, len(w.Attempts)))
	}
	for _, x := range executions {
		p.saved = append(p.saved, fmt.Sprintf("%s %s", x.ID, x.Status))
	}
	return nil
}

// seen returns a copy of what happened so far.
func (p *plate) seen() (s struct {
	news, started []string
	most          int
}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.news, s.started, s.most = slices.Clone(p.news), slices.Clone(p.started), p.most
	return s
}

func wells(n int) []CompiledWell {
	var all []CompiledWell
	for i := range n {
		all = append(all, CompiledWell{Name: fmt.Sprintf("A%02d", i+1), Cost: 1})
	}
	return all
}

func ends(reason enums.ExitReason) Ended {
	return Ended{Evidence: Attempt{Reason: reason, Error: "because"}}
}

// withEngine runs an engine over p in virtual time until f returns.
func withEngine(t *testing.T, p *plate, config Config, f func(t *testing.T, e *Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{Config: config, Edge: p, Journal: p, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		f(t, e)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
}

func await(t *testing.T, e *Engine, id string) (Execution, []Well) {
	t.Helper()
	deadline := time.After(24 * time.Hour)
	for {
		changed := e.Changed()
		x, w, _ := e.Execution(id)
		if x.Status.Final() {
			return x, w
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("execution %s is still %s/%s", id, x.Status, x.Stage)
		}
	}
}

func TestPlateRunsInItsSlotsAndEveryIntentIsDurableFirst(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(24), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonOK), time.Second }}
	withEngine(t, p, Config{Workers: 4, Cores: 4}, func(t *testing.T, e *Engine) {
		if err := e.Submit(t.Context(), Execution{ID: "x"}); err != nil || e.Position("x") != 1 {
			t.Errorf("submitted: %v, at position %d", err, e.Position("x"))
		}
		begin := time.Now()
		x, w := await(t, e, "x")
		if x.Status != enums.ExecutionComplete || len(w) != 24 || string(x.Summary) != `{"wells":24}` {
			t.Errorf("ended as %s with %d wells and summary %s", x.Status, len(w), x.Summary)
		}
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("24 wells of 1 s in 4 slots took %s", took)
		}
		if p.seen().most != 4 {
			t.Errorf("%d wells ran at once in 4 slots", p.seen().most)
		}
		if slices.Contains(p.seen().news, "started before the intent was durable") {
			t.Error("a process was started before the intent was durable")
		}
	})
}

func TestRetriesFollowTheReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason   enums.ExitReason
		attempts int
		status   enums.WellStatus
	}{
		{enums.ReasonSignal, 3, enums.WellComplete},
		{enums.ReasonOutOfMemory, 3, enums.WellComplete},
		{enums.ReasonFunctionError, 1, enums.WellFailed},
		{enums.ReasonInputUnreadable, 1, enums.WellFailed},
		{enums.ReasonTimeout, 1, enums.WellFailed},
		{enums.ReasonLost, 3, enums.WellComplete},
	} {
		t.Run(string(c.reason), func(t *testing.T) {
			t.Parallel()
			p := &plate{wells: wells(1), script: func(_ string, attempt int) (Ended, time.Duration) {
				if attempt < 3 {
					return ends(c.reason), time.Second
				}
				return ends(enums.ReasonOK), time.Second
			}}
			withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
				_ = e.Submit(t.Context(), Execution{ID: "x", Retries: 2, Memory: 1 << 30})
				_, w := await(t, e, "x")
				if w[0].Status != c.status || len(w[0].Attempts) != c.attempts {
					t.Errorf("ended as %s after %d attempts, want %s after %d", w[0].Status, len(w[0].Attempts), c.status, c.attempts)
				}
				if c.reason == enums.ReasonOutOfMemory && w[0].Attempts[2].Memory != 4<<30 {
					t.Errorf("third attempt had a limit of %d bytes, want 4 GiB", w[0].Attempts[2].Memory)
				}
			})
		})
	}
}

func TestStartsThatAllFailPauseAndThenEnd(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(96), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonStartFailed), 0 }}
	withEngine(t, p, Config{Workers: 2}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "x", Retries: 2})
		x, w := await(t, e, "x")
		if x.Status != enums.ExecutionFailed || len(p.seen().started) > 20 || x.Ended.Sub(x.Submitted) > time.Minute {
			t.Errorf("ended as %s after %d starts of 96 wells in %s", x.Status, len(p.seen().started), x.Ended.Sub(x.Submitted))
		}
		for _, v := range w {
			if v.Status != enums.WellFailed || v.Error == "" {
				t.Errorf("well %s is %s without a reason", v.Name, v.Status)
			}
		}
		if !slices.ContainsFunc(p.seen().news, func(s string) bool { return strings.Contains(s, "paused: every worker fails at start") }) {
			t.Errorf("nobody was told why: %q", p.seen().news)
		}
		if slices.ContainsFunc(p.seen().news, func(s string) bool { return strings.Contains(s, "going on") }) {
			t.Errorf("giving up was told as going on: %q", p.seen().news)
		}
	})
}

// A machine that cannot start workers for two minutes costs no well, and one well that can never be started costs itself.
func TestStartsThatFailForAWhileCostNoWell(t *testing.T) {
	t.Parallel()
	for _, count := range []int{4, 24} {
		var begin time.Time
		p := &plate{wells: wells(count), script: func(well string, _ int) (Ended, time.Duration) {
			since := time.Since(begin)
			if since > 0 && since < 2*time.Minute || well == "A03" {
				return ends(enums.ReasonStartFailed), 0
			}
			return ends(enums.ReasonOK), time.Second
		}}
		withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
			begin = time.Now()
			_ = e.Submit(t.Context(), Execution{ID: "x"})
			_, w := await(t, e, "x")
			for _, v := range w {
				want := enums.WellComplete
				if v.Name == "A03" {
					want = enums.WellFailed
				}
				if v.Status != want {
					t.Errorf("of %d wells %s is %s after %d attempts: %s", count, v.Name, v.Status, len(v.Attempts), v.Error)
				}
			}
		})
	}
}

// A well that fills the disk by itself, so that there is room whenever it has
// ended, keeps the others waiting for one probe, and does not run all the time.
func TestAWellThatFillsTheDiskLetsOthersGoFirst(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(40), script: func(well string, _ int) (Ended, time.Duration) {
		e := ends(enums.ReasonOK)
		if well == "A01" {
			e = ends(enums.ReasonOutputInvalid)
			e.Waits = HoldDisk
		}
		return e, time.Second
	}}
	withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "x"})
		<-time.After(time.Hour)
		x, w, _ := e.Execution("x")
		greedy := 0
		for _, start := range p.seen().started {
			if strings.HasPrefix(start, "A01.") {
				greedy++
			}
		}
		if greedy < 5 || greedy > 30 || !strings.Contains(x.Hold.Reason, "because") {
			t.Errorf("within an hour it was started %d times; the hold is %+v", greedy, x.Hold)
		}
		for _, v := range w[1:] {
			if v.Status != enums.WellComplete {
				t.Errorf("well %s is %s", v.Name, v.Status)
			}
		}
		if _, err := e.Cancel(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		await(t, e, "x")
	})
}

func TestCancelIsOfOneExecutionAndFinal(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(4), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonOK), time.Minute }}
	withEngine(t, p, Config{Workers: 4}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "a", Workers: 2})
		_ = e.Submit(t.Context(), Execution{ID: "b", Workers: 2})
		synctest.Wait()
		if n, err := e.Cancel(t.Context(), "a"); err != nil || n != 2 {
			t.Errorf("cancel answered %d, %v; want 2 processes", n, err)
		}
		a, _ := await(t, e, "a")
		b, _ := await(t, e, "b")
		if a.Status != enums.ExecutionCancelled || b.Status != enums.ExecutionComplete {
			t.Errorf("a is %s, b is %s", a.Status, b.Status)
		}
		if _, err := e.Cancel(t.Context(), "b"); !errors.Is(err, ErrFinal) {
			t.Errorf("cancelling what has ended answered %v", err)
		}
	})
}

func TestLaterPlateFillsSlotsTheFirstCannot(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(3), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonOK), time.Minute }}
	withEngine(t, p, Config{Workers: 4}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "a"})
		_ = e.Submit(t.Context(), Execution{ID: "b"})
		begin := time.Now()
		await(t, e, "a")
		await(t, e, "b")
		if took := time.Since(begin); took != 2*time.Minute || p.seen().most != 4 {
			t.Errorf("6 wells in 4 slots took %s with at most %d at once", took, p.seen().most)
		}
	})
}

func TestMemoryHoldsWellsBack(t *testing.T) {
	t.Parallel()
	large := wells(4)
	for i := range large {
		large[i].Estimate = 1 << 30
	}
	p := &plate{wells: large, script: func(string, int) (Ended, time.Duration) {
		return Ended{Evidence: Attempt{Reason: enums.ReasonOK, PeakMemory: 1 << 30}}, time.Minute
	}}
	withEngine(t, p, Config{Workers: 4}, func(t *testing.T, e *Engine) {
		e.SampleMemory(2<<30+512<<20, 0)
		_ = e.Submit(t.Context(), Execution{ID: "x"})
		await(t, e, "x")
		if p.seen().most != 2 {
			t.Errorf("%d wells of 1 GiB ran at once in 2.5 GiB", p.seen().most)
		}
		if !slices.ContainsFunc(p.seen().news, func(s string) bool { return strings.Contains(s, "holding back") }) {
			t.Errorf("nobody was told why: %q", p.seen().news)
		}
	})
}

func TestNothingIsVisibleBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(1), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonOK), 0 }}
	withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
		p.mu.Lock()
		p.blocked = make(chan struct{})
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Submit(ctx, Execution{ID: "x"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("submit answered %v while nothing could be saved", err)
		}
		if _, _, ok := e.Execution("x"); ok {
			t.Error("an execution is visible that is not durable")
		}
		close(p.blocked)
		if x, _ := await(t, e, "x"); x.Status != enums.ExecutionComplete {
			t.Errorf("ended as %s once there was room", x.Status)
		}
	})
}

func TestBadSubmissionStartsNothing(t *testing.T) {
	t.Parallel()
	p := &plate{compile: fmt.Errorf("%w: pipeline.yaml:3:5: no such function", ErrInvalidInput)}
	withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "x"})
		x, _ := await(t, e, "x")
		if x.Status != enums.ExecutionFailed || x.ErrorCode != "invalid_input" || len(p.seen().started) != 0 {
			t.Errorf("ended as %s (%s) after %d starts", x.Status, x.ErrorCode, len(p.seen().started))
		}
	})
}

func TestDrainedWellsGoBackToTheQueueUnblamed(t *testing.T) {
	t.Parallel()
	p := &plate{wells: wells(2), script: func(string, int) (Ended, time.Duration) { return ends(enums.ReasonOK), time.Hour }}
	withEngine(t, p, Config{Workers: 1}, func(t *testing.T, e *Engine) {
		_ = e.Submit(t.Context(), Execution{ID: "x"})
		synctest.Wait()
		if err := e.Drain(t.Context(), true); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		x, w, _ := e.Execution("x")
		if x.Status != enums.ExecutionRunning || w[0].Status != enums.WellRetryWait || !w[0].Attempts[0].Excused {
			t.Errorf("execution is %s, its first well %s %+v", x.Status, w[0].Status, w[0].Attempts)
		}
		if len(p.seen().started) != 1 {
			t.Errorf("started %v while draining", p.seen().started)
		}
	})
}
