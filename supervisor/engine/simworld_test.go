package engine

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// simulated is everything outside the machine: durable records, worker
// processes, results on disk, clients, weather; and the server's own death.
//
// What can happen: attempts end for every reason; the disk is full; plates cannot be reached; memory is
// scarce; clients cancel, twice too; events come twice and late; the server
// drains, dies before a save, after it, between two effects and in between, and
// with power lost even records that were saved. Saves take time, so that the
// machine is ahead of its records as it is in [Engine].
type simulated struct {
	rng     *rand.Rand
	mutant  mutant
	machine *Machine
	now     time.Time
	agenda  agenda
	ticket  int
	life    int
	broken  error
	seen    map[string]int
	trace   func(format string, args ...any) // of a replay; nil = none

	pending    []batch // applied, not yet saved
	executions map[string]Execution
	wells      map[Key]Well
	before     snapshot // records as they were a while ago
	processes  map[attemptKey]*worker
	outcomes   map[attemptKey]enums.ExitReason // on disk, until committed
	committed  map[Key]int                     // attempt whose results are the well's
	ended      map[string]enums.ExecutionStatus
	final      map[Key]enums.WellStatus

	plates, workers int
	faults          float64
	crashes         int
	powerCuts       int
	diskFull        bool
	plateAway       bool
	restored        map[string]bool // executions that an earlier server accepted
	draining        bool
	merging         map[string]bool // executions with a merge under way
	available       int64
}

// worker is a process.
type worker struct {
	reason enums.ExitReason // how it is going to end
	due    time.Time
	stuck  bool // in the kernel
	left   bool // it is gone; its outcome is on disk if it has one
}

type snapshot struct {
	executions map[string]Execution
	wells      map[Key]Well
}

type appointment struct {
	at      time.Time
	ticket  int
	event   Event
	outside func() // something that is not the server's
	life    int    // the server's life it belongs to
}

type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].ticket < a[j].ticket
	}
	return a[i].at.Before(a[j].at)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

func newWorld(seed uint64, m mutant) *simulated {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &simulated{
		rng: rng, mutant: m, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), seen: map[string]int{},
		executions: map[string]Execution{}, wells: map[Key]Well{},
		processes: map[attemptKey]*worker{}, outcomes: map[attemptKey]enums.ExitReason{}, committed: map[Key]int{},
		ended: map[string]enums.ExecutionStatus{}, final: map[Key]enums.WellStatus{},
		merging: map[string]bool{}, restored: map[string]bool{},
		plates: 1 + rng.IntN(3), workers: 1 + rng.IntN(6), faults: rng.Float64() * 0.6,
		crashes: rng.IntN(5), powerCuts: rng.IntN(2), available: 1 << 40,
	}
	w.machine = NewMachine(w.config())
	for i := range w.plates {
		id := fmt.Sprintf("x%d", i)
		submission := Submitted{Execution: Execution{ID: id, Retries: rng.IntN(4), Priority: rng.IntN(2), Workers: rng.IntN(4)}}
		w.client(w.span(20), func() { w.submit(submission) })
		for rng.Float64() < 0.2 {
			w.client(w.span(120), func() { w.deliver(CancelAsked{ID: id}) })
		}
	}
	for rng.Float64() < 0.3 { // a service manager stops the server and starts it again
		w.client(w.span(90), func() { w.deliver(Draining{Stop: rng.Float64() < 0.5}) })
	}
	return w
}

func (w *simulated) config() Config {
	return Config{Workers: w.workers, Cores: 8, ReserveMemory: 1 << 20}
}

func (w *simulated) span(seconds int) time.Duration {
	return time.Duration(w.rng.Int64N(int64(seconds) * int64(time.Second)))
}

func (w *simulated) appoint(d time.Duration, a appointment) {
	w.ticket++
	a.at, a.ticket = w.now.Add(d), w.ticket
	heap.Push(&w.agenda, a)
}

// later is an event of this server's life.
func (w *simulated) later(d time.Duration, e Event) {
	w.appoint(d, appointment{event: e, life: w.life})
	if w.rng.Float64() < 0.05 { // told twice, the second time late
		w.seen["event twice"]++
		w.appoint(d+w.span(10), appointment{event: e, life: w.life})
	}
}

// client is something that happens whatever becomes of the server.
func (w *simulated) client(d time.Duration, f func()) {
	w.appoint(d, appointment{outside: f})
}

// submit hands a plate in until the server has it on record, as a client does.
func (w *simulated) submit(s Submitted) {
	if _, ok := w.executions[s.Execution.ID]; ok {
		return
	}
	w.deliver(s)
	if w.rng.Float64() < 0.1 {
		w.deliver(s)
	}
	w.client(5*time.Second, func() { w.submit(s) })
}

func (w *simulated) weather() {
	if w.rng.Float64() < 0.02 {
		w.diskFull = w.rng.Float64() < 0.5
		if w.diskFull {
			w.seen["full disk"]++
		}
	}
	if w.rng.Float64() < 0.02 {
		w.plateAway = w.rng.Float64() < 0.5
	}
	if w.rng.Float64() < 0.05 {
		w.available = w.rng.Int64N(1 << 25)
		w.deliver(MemorySampled{Available: w.available, Used: w.rng.Int64N(1 << 25)})
	}
	if len(w.agenda) < 3 { // somebody makes room in the end, and mounts the share
		w.diskFull, w.plateAway = false, false
	}
	if w.crashes > 0 && w.rng.Float64() < 0.01 {
		w.crash("in between")
	}
	if w.rng.Float64() < 0.01 {
		w.before = snapshot{maps.Clone(w.executions), maps.Clone(w.wells)}
	}
}

// deliver gives an event to the machine; what follows from it waits for a save.
func (w *simulated) deliver(event Event) {
	if w.broken != nil {
		return
	}
	executions, wells, effects := w.machine.Apply(stamped(event, w.now))
	b := batch{executions: executions, wells: wells, effects: effects}
	if w.mutant.batch != nil {
		w.mutant.batch(&b)
	}
	if _, ok := event.(Draining); ok {
		w.draining = true
	}
	w.starts(b)
	w.patient(event, b)
	w.told(event, b)
	w.pending = append(w.pending, b)
	if len(w.pending) == 1 {
		life := w.life
		w.client(time.Duration(w.rng.IntN(50))*time.Millisecond, func() {
			if life == w.life {
				w.save()
			}
		})
	}
	if d, ok := event.(Draining); ok {
		life := w.life
		wait := time.Minute
		if d.Stop {
			wait = 5 * time.Second
		}
		w.client(wait, func() {
			if life == w.life {
				w.seen["drained and restarted"]++
				w.restart()
			}
		})
	}
}

// patient holds the machine to failing no well because its plate cannot be reached.
func (w *simulated) patient(event Event, b batch) {
	if e, ok := event.(CompileFailed); !ok || e.Waits != HoldPlate {
		return
	}
	for _, v := range b.wells {
		if v.Status == enums.WellFailed {
			w.broken = fmt.Errorf("well %s of %s fails because its plate cannot be reached", v.Name, v.Execution)
		}
	}
	for _, x := range b.executions {
		if x.Status == enums.ExecutionFailed {
			w.broken = fmt.Errorf("execution %s fails because its plate cannot be reached", x.ID)
		}
	}
}

// told traces an event and what followed.
func (w *simulated) told(event Event, b batch) {
	if w.trace == nil {
		return
	}
	var text strings.Builder
	for _, x := range b.executions {
		fmt.Fprintf(&text, " %s=%s", x.ID, x.Stage)
	}
	for _, v := range b.wells {
		fmt.Fprintf(&text, " %s/%s=%s(%d)", v.Execution, v.Name, v.Status, len(v.Attempts))
	}
	for _, f := range b.effects {
		switch f := f.(type) {
		case Start:
			fmt.Fprintf(&text, " start %s/%s(%d)", f.Execution.ID, f.Well.Name, f.Attempt.Number)
		case Adopt:
			fmt.Fprintf(&text, " adopt %s/%s(%d)", f.Execution.ID, f.Well.Name, f.Attempt.Number)
		case Commit:
			fmt.Fprintf(&text, " commit %s/%s(%d)", f.Execution.ID, f.Well.Name, f.Attempt)
		case Publish:
		default:
			fmt.Fprintf(&text, " %T", f)
		}
	}
	about := ""
	switch e := event.(type) {
	case Ended:
		about = fmt.Sprintf(" %s/%s(%d) %s waits=%q", e.Key.Execution, e.Key.Well, e.Attempt, e.Evidence.Reason, e.Waits)
	case Committed:
		about = fmt.Sprintf(" %s/%s(%d) %s", e.Key.Execution, e.Key.Well, e.Attempt, e.Error)
	}
	w.trace("%s %T%s:%s", w.now.Format("04:05.000"), event, about, text.String())
}

// save makes everything that was applied durable, at once, and carries out what
// follows from it, in order. The server may die anywhere.
func (w *simulated) save() {
	if w.crashes > 0 && w.rng.Float64() < 0.01 {
		w.crash("before a save")
		return
	}
	group := w.pending
	w.pending = nil
	if w.mutant.effectsFirst {
		for _, b := range group {
			for _, f := range b.effects {
				w.perform(f)
			}
		}
	}
	executions, wells := coalesce(group)
	w.check(executions, wells)
	for _, x := range executions {
		w.executions[x.ID] = x
	}
	for _, v := range wells {
		w.wells[Key{v.Execution, v.Name}] = v
	}
	if w.mutant.effectsFirst {
		return
	}
	if w.crashes > 0 && w.rng.Float64() < 0.01 {
		w.crash("after a save")
		return
	}
	for _, b := range group {
		for _, f := range b.effects {
			if w.crashes > 0 && w.rng.Float64() < 0.005 {
				w.crash("among effects")
				return
			}
			w.perform(f)
		}
	}
}

// crash kills the server. What was on its way to it is lost; processes, results
// and records stay, but for the newest records when the power went.
func (w *simulated) crash(when string) {
	w.crashes--
	w.seen["crash "+when]++
	if w.powerCuts > 0 && w.before.wells != nil && w.rng.Float64() < 0.3 {
		w.powerCuts--
		w.cutPower()
	}
	w.restart()
}

// cutPower puts the records back to an earlier state, and ends every process.
func (w *simulated) cutPower() {
	if len(w.before.executions) != len(w.executions) {
		return // a submission that was answered must not be lost: the disk lied too much
	}
	w.seen["records behind the results"]++
	w.executions, w.wells = maps.Clone(w.before.executions), maps.Clone(w.before.wells)
	w.ended, w.final = map[string]enums.ExecutionStatus{}, map[Key]enums.WellStatus{}
	for _, x := range w.executions {
		w.noteExecution(x)
	}
	for _, v := range w.wells {
		w.noteWell(v)
	}
	for _, p := range w.processes {
		if !p.left {
			p.reason, p.left = enums.ReasonLost, true
		}
	}
}

func (w *simulated) restart() {
	w.life++
	w.pending, w.draining, w.merging = nil, false, map[string]bool{}
	kept := agenda{}
	for _, a := range w.agenda {
		if a.outside != nil {
			kept = append(kept, a)
		}
	}
	heap.Init(&kept)
	w.agenda = kept
	w.machine = NewMachine(w.config())
	restored := Restored{}
	live := map[attemptKey]bool{}
	for _, id := range slices.Sorted(maps.Keys(w.executions)) {
		restored.Executions = append(restored.Executions, w.executions[id])
		w.restored[id] = true
		restored.Sequence = max(restored.Sequence, w.executions[id].Sequence)
	}
	for _, v := range w.wells {
		restored.Wells = append(restored.Wells, v)
		if a := v.Last(); a != nil && a.Ended.IsZero() {
			live[attemptKey{Key{v.Execution, v.Name}, a.Number}] = true
		}
	}
	slices.SortFunc(restored.Wells, func(a, b Well) int {
		return slices.Compare([]string{a.Execution, a.Name}, []string{b.Execution, b.Name})
	})
	// As process.Runner.Sweep does: what no record names does not go on.
	for key, p := range w.processes {
		if !p.left && !p.stuck && !(live[key] && w.known(key)) {
			w.seen["swept"]++
			p.reason, p.left = enums.ReasonLost, true
		}
	}
	w.deliver(restored)
}

// starts holds what is started to the limits.
func (w *simulated) starts(b batch) {
	running, aside := w.machine.Active()
	for _, f := range b.effects {
		s, ok := f.(Start)
		switch {
		case !ok:
		case running > max(1, w.workers-aside): // those adopted may be more
			w.broken = fmt.Errorf("%d attempts run in %d slots, %d of them set aside", running, w.workers, aside)
		case w.draining:
			w.broken = fmt.Errorf("well %s is started by a server that is to end", s.Well.Name)
		case s.Execution.Cancelled:
			w.broken = fmt.Errorf("well %s of %s is started and was cancelled", s.Well.Name, s.Execution.ID)
		}
	}
	for _, r := range w.machine.order {
		if r.Hold != nil {
			w.seen[string(r.Hold.Cause)+" hold"]++
		}
	}
}

func stamped(event Event, now time.Time) Event {
	at := At{now}
	switch e := event.(type) {
	case Submitted:
		e.At = at
		return e
	case Compiled:
		e.At = at
		return e
	case CompileFailed:
		e.At = at
		return e
	case Spawned:
		e.At = at
		return e
	case Running:
		e.At = at
		return e
	case Ended:
		e.At = at
		return e
	case Committed:
		e.At = at
		return e
	case Merged:
		e.At = at
		return e
	case CancelAsked:
		e.At = at
		return e
	case Released:
		e.At = at
		return e
	case MemorySampled:
		e.At = at
		return e
	case Draining:
		e.At = at
		return e
	case Restored:
		e.At = at
		return e
	}
	return Tick{at}
}

// check holds the records to what they promise, at every save.
func (w *simulated) check(executions []Execution, wells []Well) {
	for _, x := range executions {
		if before, ok := w.ended[x.ID]; ok && before != x.Status {
			w.broken = fmt.Errorf("execution %s went from its final state %s to %s", x.ID, before, x.Status)
		}
		w.noteExecution(x)
		for _, name := range x.Order {
			key := Key{x.ID, name}
			if _, ok := w.wells[key]; !ok && !slices.ContainsFunc(wells, func(v Well) bool { return key == Key{v.Execution, v.Name} }) {
				w.broken = fmt.Errorf("well %v is not on record, its execution is", key)
			}
		}
	}
	for _, v := range wells {
		key := Key{v.Execution, v.Name}
		if before, ok := w.final[key]; ok && before != v.Status {
			w.broken = fmt.Errorf("well %v went from its final state %s to %s", key, before, v.Status)
		}
		w.noteWell(v)
		w.history(v)
	}
}

func (w *simulated) noteExecution(x Execution) {
	if x.Status.Final() {
		w.ended[x.ID] = x.Status
	}
}

func (w *simulated) noteWell(v Well) {
	if v.Status.Final() {
		w.final[Key{v.Execution, v.Name}] = v.Status
	}
}

// history holds a well's attempts to the policy.
func (w *simulated) history(v Well) {
	broken := func(format string, args ...any) {
		w.broken = fmt.Errorf("well %s of %s, %s: %s", v.Name, v.Execution, v.Status, fmt.Sprintf(format, args...))
	}
	failures := 0
	for i, a := range v.Attempts {
		last := i+1 == len(v.Attempts)
		if a.Number != i+1 {
			broken("attempt %d is the %d. on record", a.Number, i+1)
		}
		if a.Ended.IsZero() {
			if !last || v.Status.Final() {
				broken("attempt %d is still on record as running", a.Number)
			}
			continue
		}
		if a.Excused {
			w.seen["excused"]++
			continue
		}
		if a.Reason != enums.ReasonOK {
			failures++
		}
		if !last && !slices.Contains(retried, a.Reason) {
			broken("it was tried again after attempt %d had ended as %s", a.Number, a.Reason)
		}
	}
	if most := w.retries(v.Execution) + 1; failures > most {
		broken("%d failed attempts, %d are allowed", failures, most)
	}
}

// retried are the reasons that may pass.
var retried = []enums.ExitReason{
	enums.ReasonOutOfMemory, enums.ReasonSignal, enums.ReasonPanic, enums.ReasonLost, enums.ReasonStalled,
	enums.ReasonStartFailed, enums.ReasonOutputInvalid,
}

func (w *simulated) retries(id string) int {
	if r := w.machine.executions[id]; r != nil {
		return r.Retries
	}
	return w.executions[id].Retries
}

func (w *simulated) atTheEnd() error {
	for i := range w.plates {
		id := fmt.Sprintf("x%d", i)
		x := w.executions[id]
		if !x.Status.Final() {
			return fmt.Errorf("execution %s ended as %s/%s, hold %+v", id, x.Status, x.Stage, x.Hold)
		}
		failed := 0
		for _, name := range x.Order {
			key := Key{id, name}
			v := w.wells[key]
			if !v.Status.Final() {
				return fmt.Errorf("well %s of %s ended as %q", name, id, v.Status)
			}
			if v.Status == enums.WellFailed {
				failed++
			}
			if v.Status != enums.WellCancelled && len(v.Attempts) == 0 && v.Error == "" {
				return fmt.Errorf("well %s of %s is %s without evidence", name, id, v.Status)
			}
			if v.Status == enums.WellComplete && w.committed[key] != v.Last().Number {
				return fmt.Errorf("well %s of %s is complete by attempt %d, and its results are those of %d", name, id, v.Last().Number, w.committed[key])
			}
		}
		if x.Status == enums.ExecutionComplete && (failed > 0 || len(x.Order) != wellsOf(id)) {
			return fmt.Errorf("execution %s is complete with %d wells, %d of them failed", id, len(x.Order), failed)
		}
	}
	var left []string
	for key, p := range w.processes {
		if !p.left && !p.stuck {
			left = append(left, fmt.Sprint(key))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("processes are left: %s", strings.Join(left, ", "))
	}
	return nil
}

// wellsOf is the size of a plate.
func wellsOf(id string) int { return 1 + int(id[1]-'0')*5 }
