package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// A later plate must not take the slots of one whose folder takes longer to
// read; but one on a share that hangs does not stop the others for ever.
func TestPlateBeingCheckedIsNotOvertaken(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{Workers: 1}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Submitted{Execution: Execution{ID: "slow"}})
	b.apply(Submitted{Execution: Execution{ID: "quick"}})
	effects := b.apply(Compiled{ID: "quick", Compilation: Compilation{Wells: wells(1)}})
	if has[Start](effects) {
		t.Fatal("a later plate overtook one that is being checked")
	}
	if !has[Wake](effects) {
		t.Fatal("nobody looks again")
	}
	if effects := b.pass(compilePatience); !has[Start](effects) {
		t.Error("a plate that cannot be read stops the others for ever")
	}
}

// A damaged store may give back an execution without one of its wells.
func TestWellWhoseRecordIsGoneIsRunAgainBeforeMerging(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 2)
	for _, name := range []string{"A", "B"} {
		b.ended(name, enums.ReasonOK, nil)
		b.apply(Committed{Key: Key{"x", name}, Attempt: 1})
	}
	x := b.executions["x"]
	if x.Stage != StageMerging {
		t.Fatalf("the execution is %s", x.Stage)
	}
	delete(x.wells, "B")
	if effects := b.restarted(); has[Merge](effects) {
		t.Error("it was merged without one of its wells")
	}
	if w := b.well("B"); w == nil || w.Status != enums.WellPending {
		t.Errorf("the well whose record is gone is %+v", w)
	}
	if effects := b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}, {Name: "B"}}}}); !has[Start](effects) {
		t.Error("it is not run again")
	}
}

// Finished wells that wait for room are not forgotten when starting fails too.
func TestPauseForRoomIsNotReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t, 5, 5)
	b.ended("A", enums.ReasonOK, nil)
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1, Error: "full", Waits: HoldDisk})
	for _, name := range []string{"B", "C", "D"} {
		b.ended(name, enums.ReasonStartFailed, nil)
	}
	if hold := b.executions["x"].Hold; hold == nil || hold.Cause != HoldDisk {
		t.Fatalf("the pause is %+v", hold)
	}
	if effects := b.pass(firstDiskHold); !has[Commit](effects) {
		t.Error("the finished well is not tried again")
	}
}

func TestCancellingIsNoNewsOfStarts(t *testing.T) {
	t.Parallel()
	b := newBench(t, 5, 4)
	for _, name := range []string{"A", "B", "C"} {
		b.ended(name, enums.ReasonStartFailed, nil)
	}
	if hold := b.executions["x"].Hold; hold == nil || hold.Cause != HoldStart {
		t.Fatalf("the pause is %+v", hold)
	}
	b.apply(CancelAsked{ID: "x"})
	for _, effect := range b.ended("D", enums.ReasonCancelled, nil) {
		if p, ok := effect.(Publish); ok && strings.Contains(p.Change.Message, "going on") {
			t.Errorf("a cancelled plate is told to be %s", p.Change.Message)
		}
	}
}

func TestNeedOfMemorySurvivesARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2, 1)
	b.ended("A", enums.ReasonOutOfMemory, func(e *Ended) { e.Evidence.PeakMemory = 1 << 30 })
	raised := b.well("A").Estimate
	b.restarted()
	b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A", Estimate: 1 << 20}}}})
	if got := b.well("A").Estimate; got != raised || raised < 1<<30 {
		t.Errorf("it is expected to need %d bytes, before the restart %d", got, raised)
	}
}

// Clients see a plate's progress from its first event on, kept wells included.
func TestKeptWellsArePublished(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{Workers: 1}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	effects := b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A", Reused: true}, {Name: "B"}}}})
	for _, f := range effects {
		if p, ok := f.(Publish); ok && p.Change.Well != nil && p.Change.Well.Name == "A" && p.Change.Phase == enums.PhaseAxisCompleted {
			return
		}
	}
	t.Errorf("nobody was told: %+v", effects)
}
