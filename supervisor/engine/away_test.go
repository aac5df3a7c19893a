package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

var notReached = CompileFailed{ID: "x", Error: "invalid input: no such folder", Code: "invalid_input", Waits: HoldPlate}

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
	b.apply(Committed{Key: Key{"x", "A"}, Attempt: 1, Error: "full", Waits: HoldDisk})
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

// unreached ends the newest attempt of a well by an image whose share is away.
func (b *bench) unreached(well string) []Effect {
	b.t.Helper()
	return b.ended(well, enums.ReasonInputUnreadable, func(e *Ended) {
		e.Waits, e.Evidence.Error = HoldPlate, "the share is away"
	})
}

// A share that is away while a plate runs is waited for: no image of it is blamed.
func TestShareThatIsAwayForAWhileCostsNoWell(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 2)
	b.unreached("A")
	b.unreached("B")
	b.holds(HoldPlate)
	for range 4 {
		if !has[Start](b.pass(lastDiskHold)) {
			t.Fatal("no well tries whether the share is there")
		}
		for _, well := range []string{"A", "B"} {
			if b.well(well).Status == enums.WellStarting {
				b.unreached(well)
			}
		}
		b.holds(HoldPlate)
	}
	for range 20 {
		b.pass(lastDiskHold)
		for _, well := range []string{"A", "B"} {
			if b.well(well).Status != enums.WellStarting {
				continue
			}
			if !has[Commit](b.ended(well, enums.ReasonOK, nil)) {
				t.Error("what was read is not committed")
			}
			b.holds("")
			if effects := b.apply(Committed{Key: Key{"x", well}, Attempt: len(b.well(well).Attempts)}); has[Merge](effects) {
				return
			}
		}
	}
	t.Error("the share is there and the plate does not end")
}

// One image can be stale for ever: its well fails in the end.
func TestImageThatStaysStaleFailsItsWell(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0, 1)
	began := b.now
	for i := range mostUnread {
		b.unreached("A")
		if w := b.well("A"); w.Status != enums.WellRetryWait || failures(w) != 0 {
			t.Fatalf("after attempt %d the well is %s", i+1, w.Status)
		}
		for b.well("A").Status != enums.WellStarting {
			b.pass(time.Second)
		}
	}
	if took := b.now.Sub(began); took < 5*time.Minute || took > 15*time.Minute {
		t.Errorf("it is given up after %s", took)
	}
	b.unreached("A")
	if w := b.well("A"); w.Status != enums.WellFailed || w.Reason != enums.ReasonInputUnreadable {
		t.Errorf("the well is %s, %s", w.Status, w.Reason)
	}
}

// newUnjudged is a plate of two wells; what A's worker left cannot be read.
func newUnjudged(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, 0, 2)
	b.apply(Spawned{Key: Key{"x", "A"}, Attempt: 1, Pid: 7, Process: []byte("7")})
	b.ended("A", enums.ReasonLost, func(e *Ended) { e.Unjudged, e.Evidence.Error = true, "stale file handle" })
	b.holds(HoldDisk)
	if running, _ := b.Active(); running != 1 {
		t.Errorf("%d attempts hold a slot, want that of B", running)
	}
	return b
}

// What a worker left counts, however long it cannot be read.
func TestWhatCannotBeReadIsJudgedLater(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		later func(*bench) []Effect
	}{
		{"after a while", func(b *bench) []Effect { return b.pass(firstDiskHold) }},
		{"after a restart", func(b *bench) []Effect { return b.restarted() }},
		{"after a drain", func(b *bench) []Effect {
			b.apply(Draining{Stop: true})
			return b.restarted()
		}},
		{"when another well is written", func(b *bench) []Effect {
			b.ended("B", enums.ReasonOK, nil)
			return b.apply(Committed{Key: Key{"x", "B"}, Attempt: 1})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newUnjudged(t)
			effects := test.later(b)
			i := slices.IndexFunc(effects, func(f Effect) bool { a, ok := f.(Adopt); return ok && a.Well.Name == "A" })
			if i < 0 {
				t.Fatal("it is not looked at again")
			}
			if a := effects[i].(Adopt).Attempt; a.Pid != 7 || string(a.Process) != "7" || !a.Ended.IsZero() {
				t.Errorf("the attempt is %+v", a)
			}
			if !has[Commit](b.ended("A", enums.ReasonOK, nil)) {
				t.Error("what it left does not count")
			}
		})
	}
}

// One after the other is looked at, whatever comes of the first.
func TestEveryUnjudgedWellIsJudged(t *testing.T) {
	t.Parallel()
	b := newUnjudged(t)
	b.ended("B", enums.ReasonLost, func(e *Ended) { e.Unjudged = true })
	for range 10 {
		if effects := b.pass(lastDiskHold); has[Adopt](effects) {
			well := effects[slices.IndexFunc(effects, func(f Effect) bool { _, ok := f.(Adopt); return ok })].(Adopt).Well.Name
			if has[Merge](b.ended(well, enums.ReasonFunctionError, nil)) {
				return
			}
		}
	}
	t.Error("the plate does not end")
}

// A plate and its results that are both away are one pause, which is looked into ever
// more rarely.
func TestPlateAndResultsAwayAreOnePause(t *testing.T) {
	t.Parallel()
	b := newUnjudged(t)
	b.ended("B", enums.ReasonLost, func(e *Ended) { e.Unjudged = true })
	b.restarted()
	b.apply(notReached)
	for _, well := range []string{"A", "B"} {
		b.ended(well, enums.ReasonLost, func(e *Ended) { e.Unjudged = true })
	}
	b.holds(HoldDisk)
	since, tries := b.executions["x"].Hold.Since, 0
	for range 600 {
		effects := b.pass(time.Second)
		if i := slices.IndexFunc(effects, func(f Effect) bool { _, ok := f.(Adopt); return ok }); i >= 0 {
			tries++
			b.apply(notReached)
			b.ended(effects[i].(Adopt).Well.Name, enums.ReasonLost, func(e *Ended) { e.Unjudged = true })
		}
	}
	b.holds(HoldDisk)
	if got := b.executions["x"].Hold.Since; !got.Equal(since) || tries > 100 {
		t.Errorf("it pauses since %s, not %s, and tried %d times", got, since, tries)
	}
}

// Whoever cancels does not wait for a share.
func TestCancelledWellIsNotJudged(t *testing.T) {
	t.Parallel()
	b := newUnjudged(t)
	b.apply(CancelAsked{ID: "x"})
	if w := b.well("A"); w.Status != enums.WellCancelled || w.Last().Ended.IsZero() {
		t.Errorf("the well is %s", w.Status)
	}
	if !has[Merge](b.ended("B", enums.ReasonCancelled, nil)) {
		t.Error("it is not ended")
	}
}

// A plate of which nothing has run is compiled anew by the next server, which may
// be of another version; what was on record of its wells does not count any more.
func TestRestoredPlateOfWhichNothingRanIsCompiledAnew(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Draining{})
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	b.apply(Compiled{ID: "x", Compilation: Compilation{Plan: []byte(`{}`), Wells: []CompiledWell{{Name: "A"}, {Name: "B"}}}})
	old := Restored{Wells: []Well{b.well("A").clone(), b.well("B").clone()}}
	for range 2 { // and by the one after that
		old.Executions = []Execution{b.executions["x"].Execution}
		b.Machine = NewMachine(Config{})
		if !has[Compile](b.apply(old)) {
			t.Fatal("it is not compiled")
		}
		if x := b.executions["x"]; x.Stage != StageCompiling || len(x.Order)+len(x.wells)+len(x.Plan) > 0 || !x.Opened {
			t.Errorf("it is %+v", x.Execution)
		}
	}
	if !has[Start](b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "B"}}}})) {
		t.Error("it is not started")
	}
	b.ended("B", enums.ReasonOK, nil)
	effects := b.apply(Committed{Key: Key{"x", "B"}, Attempt: 1})
	if !has[Merge](effects) {
		t.Fatal("it waits for a well that is not its own")
	}
}

// A plate that was reused in part, or has run, keeps its plan.
func TestRestoredPlateThatHasBegunKeepsItsWells(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Draining{})
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A", Reused: true}, {Name: "B"}}}})
	b.restarted()
	if x := b.executions["x"]; x.Stage != StageReady || len(x.Order) != 2 {
		t.Errorf("it is %+v", x.Execution)
	}
}

// An accepted plate that is still to be checked waits for its share too.
func TestAcceptedPlateWaitsForItsShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cause  HoldCause
		failed CompileFailed
	}{
		{HoldPlate, notReached},
		{HoldDisk, CompileFailed{ID: "x", Error: "stale file handle", Waits: HoldDisk}},
	} {
		t.Run(string(test.cause), func(t *testing.T) {
			t.Parallel()
			b := &bench{t, NewMachine(Config{}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			b.apply(Submitted{Execution: Execution{ID: "x"}})
			b.restarted()
			b.apply(test.failed)
			b.holds(test.cause)
			if !has[Compile](b.pass(firstDiskHold)) {
				t.Fatal("it is not tried again")
			}
			b.apply(test.failed)
			b.holds(test.cause)
			b.pass(firstDiskHold)
			if !has[Start](b.apply(Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}}}})) {
				t.Error("the share is there, and its well is not started")
			}
			b.holds("")
		})
	}
}

// Whoever submits to a share that is not there is told so; whoever cancels what
// waits for one does not wait.
func TestOnlyAcceptedPlatesWaitForAShare(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	b.restarted()
	b.apply(notReached)
	b.apply(CancelAsked{ID: "x"})
	if b.executions["x"] != nil {
		t.Error("it is not cancelled")
	}
	b.Machine = NewMachine(Config{})
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	x := b.executions["x"]
	b.apply(notReached)
	if x.Status != enums.ExecutionFailed {
		t.Errorf("a new one is %s", x.Status)
	}
}

// What is free changes each second; a hold for memory is told once for all that.
func TestHoldForMemoryIsToldOnce(t *testing.T) {
	t.Parallel()
	b := &bench{t, NewMachine(Config{Workers: 3}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.apply(MemorySampled{Available: 3 << 30})
	b.apply(Submitted{Execution: Execution{ID: "x"}})
	compiled := Compiled{ID: "x", Compilation: Compilation{Wells: []CompiledWell{{Name: "A"}, {Name: "B"}}}}
	for i := range compiled.Wells {
		compiled.Wells[i].Estimate = 2 << 30
	}
	b.apply(compiled)
	b.holds(HoldMemory)
	for i := range 3 {
		e := MemorySampled{Available: 1<<30 + int64(i)<<28}
		if executions, _, _ := b.Apply(stamped(e, b.now)); len(executions) > 0 {
			t.Errorf("it is saved again, with the hold %+v", executions[0].Hold)
		}
	}
	b.holds(HoldMemory)
}
