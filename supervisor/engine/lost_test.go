package engine

import (
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// bench is a machine under a clock of the test's.
type bench struct {
	t *testing.T
	*Machine
	now time.Time
}

func newBench(t *testing.T, retries, wells int) *bench {
	t.Helper()
	b := &bench{t, NewMachine(Config{Workers: wells}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	compiled := Compiled{ID: "x", Compilation: Compilation{Retries: retries}}
	for i := range wells {
		compiled.Wells = append(compiled.Wells, CompiledWell{Name: string(rune('A' + i))})
	}
	b.apply(compiled)
	return b
}

func (b *bench) apply(e Event) []Effect {
	b.t.Helper()
	_, _, effects := b.Apply(stamped(e, b.now))
	return effects
}

// ended reports the end of a well's newest attempt.
func (b *bench) ended(well string, reason enums.ExitReason, change func(*Ended)) []Effect {
	b.t.Helper()
	e := Ended{Key: Key{"x", well}, Attempt: b.well(well).Last().Number, Evidence: Attempt{Reason: reason}}
	if change != nil {
		change(&e)
	}
	return b.apply(e)
}

func (b *bench) well(name string) *Well { return b.executions["x"].wells[name] }

func (b *bench) pass(d time.Duration) []Effect {
	b.now = b.now.Add(d)
	return b.apply(Tick{})
}

// restarted is a machine of a new server on the records of this one.
func (b *bench) restarted() []Effect {
	b.t.Helper()
	r := b.executions["x"]
	e := Restored{Executions: []Execution{r.Execution.clone()}}
	for _, w := range r.wells {
		e.Wells = append(e.Wells, w.clone())
	}
	b.Machine = NewMachine(b.config)
	return b.apply(e)
}

func has[E Effect](effects []Effect) bool {
	for _, f := range effects {
		if _, ok := f.(E); ok {
			return true
		}
	}
	return false
}

// A service manager that ends a whole group sends SIGTERM to workers too, and a
// worker whose server stays away gives up: neither means that the well is not
// wanted any more.
func TestWellStoppedByNobodyIsNotCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 1)
	b.ended("A", enums.ReasonCancelled, nil)
	if w := b.well("A"); w.Status != enums.WellRetryWait || w.Reason != enums.ReasonLost {
		t.Errorf("the well is %s, %s", w.Status, w.Reason)
	}
}

// What is lost with its server is not held against the well, up to a bound: it
// could be the well that ends servers.
func TestLossWithTheServerIsExcused(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 1)
	for range mostLosses {
		if !has[Adopt](b.restarted()) {
			t.Fatal("the attempt is not adopted")
		}
		b.ended("A", enums.ReasonLost, func(e *Ended) { e.Excused = true })
		if w := b.well("A"); w.Status != enums.WellRetryWait {
			t.Fatalf("the well is %s after %d attempts", w.Status, len(w.Attempts))
		}
		b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}}}})
		b.pass(lastBackoff)
	}
	b.restarted()
	b.ended("A", enums.ReasonLost, func(e *Ended) { e.Excused = true })
	if w := b.well("A"); w.Status != enums.WellFailed {
		t.Errorf("the well is %s after %d attempts", w.Status, len(w.Attempts))
	}
}

// A worker can get stuck after it has said ok: its result counts, and its slot is
// taken until it is gone.
func TestStuckAfterItsReplyHoldsItsSlot(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 1)
	if effects := b.ended("A", enums.ReasonOK, func(e *Ended) { e.Stuck = true }); !has[Commit](effects) {
		t.Error("the result is not committed")
	}
	if _, aside := b.Active(); aside != 1 {
		t.Errorf("%d slots are set aside, want 1", aside)
	}
	b.apply(Released{Key: Key{"x", "A"}})
	if _, aside := b.Active(); aside != 0 {
		t.Errorf("%d slots are set aside after the process is gone", aside)
	}
}

// Workers that cannot start for want of room wait for room; they are not told as
// workers that cannot start.
func TestFullDiskIsNoFailureToStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 4)
	for _, well := range []string{"A", "B", "C", "D"} {
		b.ended(well, enums.ReasonStartFailed, func(e *Ended) { e.Waits = HoldDisk })
	}
	if hold := b.executions["x"].Hold; hold == nil || hold.Cause != HoldDisk {
		t.Errorf("the hold is %+v", hold)
	}
}

// A restarted server that finds the disk full waits for room, as the one before
// it did, and then goes on.
func TestRestoredPlateWaitsForRoomToCompile(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 1)
	b.ended("A", enums.ReasonOutputInvalid, func(e *Ended) { e.Waits = HoldDisk })
	b.restarted()
	b.apply(CompileFailed{ID: "x", Error: "full", Code: "invalid_input", Waits: HoldDisk})
	if w := b.well("A"); w.Status != enums.WellRetryWait || b.executions["x"].Hold == nil {
		t.Fatalf("the well is %s, the hold %+v", w.Status, b.executions["x"].Hold)
	}
	if !has[Compile](b.pass(firstDiskHold)) {
		t.Fatal("compiling is not tried again")
	}
	if !has[Start](b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}}}})) {
		t.Error("there is room, and the well is not started")
	}
}

// The commit by which a full disk is tried again fails for a reason of its own:
// the others are tried nevertheless.
func TestCommitThatFailsByItselfEndsNoPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 2)
	for _, well := range []string{"A", "B"} {
		b.ended(well, enums.ReasonOK, nil)
		b.apply(Committed{Key: Key{"x", well}, Attempt: 1, Error: "full", Waits: HoldDisk})
	}
	if !has[Commit](b.pass(firstDiskHold)) {
		t.Fatal("no commit is tried again")
	}
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1, Error: "damaged"})
	if !has[Commit](b.pass(firstDiskHold)) {
		t.Error("the other commit waits for ever")
	}
}

// Whoever cancels does not wait for room.
func TestCancelledPlateDoesNotWaitForRoom(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 2)
	b.ended("A", enums.ReasonOK, nil)
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1})
	b.apply(CancelAsked{ID: "x"})
	if !has[Merge](b.ended("B", enums.ReasonCancelled, nil)) {
		t.Fatal("what is done is not merged")
	}
	executions, _, _ := b.Apply(stamped(Merged{ID: "x", Error: "full", Waits: HoldDisk}, b.now))
	if len(executions) != 1 || executions[0].Status != enums.ExecutionCancelled {
		t.Errorf("the execution is %+v", executions)
	}
}

// Whoever cancels does not wait for ever for a commit or a merge that hangs; one that
// ends after all has made the plate complete.
func TestCancelStopsWaitingForAHungDisk(t *testing.T) {
	t.Parallel()
	for _, hangs := range []bool{true, false} {
		b := newBench(t, 0, 1)
		b.ended("A", enums.ReasonOK, nil)
		if effects := b.apply(CancelAsked{ID: "x"}); !has[Stop](effects) {
			t.Errorf("cancelled while it commits: %v", effects)
		}
		committed := Committed{Key: Key{"x", "A"}, Attempt: 1}
		if hangs {
			committed.Error, committed.Waits = "it hangs", HoldDisk
		}
		if !has[Merge](b.apply(committed)) {
			t.Fatal("it is not merged")
		}
		want := enums.ExecutionComplete
		if hangs {
			want = enums.ExecutionCancelled
		}
		executions, _, _ := b.Apply(stamped(Merged{ID: "x"}, b.now))
		if len(executions) != 1 || executions[0].Status != want {
			t.Errorf("hanging %v: the execution is %+v", hangs, executions)
		}

		b = newBench(t, 0, 1)
		b.ended("A", enums.ReasonOK, nil)
		b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1})
		if effects := b.apply(CancelAsked{ID: "x"}); !has[Stop](effects) {
			t.Errorf("cancelled while it merges: %v", effects)
		}
		merged := Merged{ID: "x"}
		if hangs {
			merged.Error, merged.Waits = "it hangs", HoldDisk
		}
		executions, _, _ = b.Apply(stamped(merged, b.now))
		if len(executions) != 1 || executions[0].Status != want {
			t.Errorf("hanging %v: the execution is %+v", hangs, executions)
		}
	}
}
