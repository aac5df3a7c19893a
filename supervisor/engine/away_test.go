package engine

import (
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

var notReached = CompileFailed{ID: "x", Error: "invalid input: no such folder", Code: "invalid_input", PlateAway: true}

// newAway is a restored execution whose plate cannot be reached: A still runs, B waits.
func newAway(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, 0, 2)
	b.ended("B", enums.ReasonLost, func(e *Ended) { e.Excused = true })
	b.restarted()
	b.apply(notReached)
	return b
}

func (b *bench) holds(cause HoldCause) {
	b.t.Helper()
	switch hold := b.executions["x"].Hold; {
	case cause == "" && hold != nil:
		b.t.Errorf("it is held: %+v", hold)
	case cause != "" && (hold == nil || hold.Cause != cause):
		b.t.Errorf("the hold is %+v, want %s", hold, cause)
	}
}

// A plate that cannot be reached when the server starts again is waited for.
func TestRestoredPlateWaitsForItsShare(t *testing.T) {
	t.Parallel()
	b := newAway(t)
	b.holds(HoldPlate)
	if reason := b.executions["x"].Hold.Reason; reason != "no such folder" {
		t.Errorf("it waits because %q", reason)
	}
	if !has[Commit](b.ended("A", enums.ReasonOK, nil)) {
		t.Error("the worker that was taken over does not count")
	}
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1})
	if !has[Compile](b.pass(firstDiskHold)) {
		t.Fatal("the plate is not looked for")
	}
	if has[Compile](b.pass(firstDiskHold)) {
		t.Error("it is looked for twice at once")
	}
	b.apply(notReached)
	b.holds(HoldPlate)
	if !has[Compile](b.pass(firstDiskHold)) {
		t.Fatal("the plate is not looked for again")
	}
	if !has[Start](b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}, {Name: "B"}}}})) {
		t.Error("the plate is there, and its well is not started")
	}
	b.holds("")
}

// A plate that is there again and does not compile fails what has not run.
func TestRestoredPlateThatDoesNotCompileFails(t *testing.T) {
	t.Parallel()
	b := newAway(t)
	b.pass(firstDiskHold)
	b.apply(CompileFailed{ID: "x", Error: "invalid input: no such step", Code: "invalid_input"})
	if w := b.well("B"); w.Status != enums.WellFailed {
		t.Errorf("the well is %s", w.Status)
	}
	b.holds("")
}

// Others do not wait for a share.
func TestPlateThatIsAwayIsOvertaken(t *testing.T) {
	t.Parallel()
	b := newAway(t)
	b.apply(Submitted{Execution: Execution{ID: "y"}})
	if !has[Start](b.apply(Compiled{ID: "y", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}}}})) {
		t.Error("another plate's well is not started")
	}
}

// A plate and its results can both be away: a finished well is committed as soon
// as there is room for it, whatever becomes of the plate.
func TestRoomIsLookedForWhileThePlateIsAway(t *testing.T) {
	t.Parallel()
	b := newAway(t)
	b.ended("A", enums.ReasonOK, nil)
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1, Error: "full", DiskFull: true})
	b.holds(HoldDisk)
	if !has[Commit](b.pass(firstDiskHold)) {
		t.Fatal("the commit is not tried again")
	}
	b.apply(notReached)
	b.holds(HoldDisk)
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1})
	b.apply(notReached)
	b.holds(HoldPlate)
}

// Whoever cancels does not wait for a share.
func TestCancelledPlateDoesNotWaitForItsShare(t *testing.T) {
	t.Parallel()
	b := newAway(t)
	b.apply(CancelAsked{ID: "x"})
	if !has[Merge](b.ended("A", enums.ReasonCancelled, nil)) {
		t.Error("it is not ended")
	}
}
