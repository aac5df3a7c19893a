package engine

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// The machine under random schedules of faults in virtual time: wells that fail
// in every way, a full disk, cancelling, scarce memory, drains, and servers that
// die with an arbitrary part of their effects carried out. One schedule is one
// seed; WELLHOUSE_SIM_SEED replays one, WELLHOUSE_SIM_COUNT asks for more.
func TestNoScheduleOfFaultsLosesAWell(t *testing.T) {
	t.Parallel()
	count := uint64(10_000)
	if testing.Short() {
		count = 1_000
	}
	if s := os.Getenv("WELLHOUSE_SIM_COUNT"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	first := rand.Uint64N(1 << 40)
	if s := os.Getenv("WELLHOUSE_SIM_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, count = n, 1
	}
	for seed := first; seed < first+count; seed++ {
		if err := simulate(seed); err != nil {
			t.Fatalf("schedule broke an invariant: %v\nreplay it with WELLHOUSE_SIM_SEED=%d", err, seed)
		}
	}
	t.Logf("%d schedules from seed %d", count, first)
}

// world is everything outside the machine: the durable records, the processes,
// and what is on its way.
type world struct {
	rng     *rand.Rand
	machine *Machine
	now     time.Time
	agenda  agenda
	ticket  int

	executions map[string]Execution // durable
	wells      map[Key]Well         // durable
	final      map[Key]enums.WellStatus
	ended      map[string]enums.ExecutionStatus
	alive      map[attemptKey]bool // worker processes
	merges     map[string]int
	diskFull   bool
	workers    int
	faults     float64
	broken     error
}

type appointment struct {
	at     time.Time
	ticket int
	event  Event
	life   int // the server's life it belongs to; -1 = outlives servers
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

func simulate(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{
		rng: rng, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		executions: map[string]Execution{}, wells: map[Key]Well{},
		final: map[Key]enums.WellStatus{}, ended: map[string]enums.ExecutionStatus{},
		alive: map[attemptKey]bool{}, merges: map[string]int{},
		workers: 1 + rng.IntN(6), faults: rng.Float64() * 0.6,
	}
	w.machine = NewMachine(w.config())
	plates := 1 + rng.IntN(3)
	for i := range plates {
		w.later(w.span(20), Submitted{Execution: Execution{
			ID: fmt.Sprintf("x%d", i), Retries: rng.IntN(4), Priority: rng.IntN(2), Workers: rng.IntN(4),
		}}, -1)
		if rng.Float64() < 0.2 {
			w.later(w.span(120), CancelAsked{ID: fmt.Sprintf("x%d", i)}, -1)
		}
	}
	crashes := rng.IntN(4)
	for steps := 0; w.broken == nil; steps++ {
		if steps > 20_000 {
			return fmt.Errorf("no end after %d events", steps)
		}
		if len(w.agenda) == 0 {
			break
		}
		next := heap.Pop(&w.agenda).(appointment)
		w.now = next.at
		if crashes > 0 && rng.Float64() < 0.02 {
			crashes--
			w.crash()
			if next.life != -1 {
				continue // it was on its way to the dead server
			}
		}
		w.weather()
		w.apply(next.event)
	}
	if w.broken != nil {
		return w.broken
	}
	return w.atTheEnd(plates)
}

func (w *world) config() Config {
	return Config{Workers: w.workers, Cores: 8, ReserveMemory: 1 << 20}
}

func (w *world) span(seconds int) time.Duration {
	return time.Duration(w.rng.Int64N(int64(seconds) * int64(time.Second)))
}

func (w *world) later(d time.Duration, e Event, life int) {
	w.ticket++
	heap.Push(&w.agenda, appointment{w.now.Add(d), w.ticket, e, life})
}

func (w *world) weather() {
	if w.rng.Float64() < 0.02 {
		w.diskFull = w.rng.Float64() < 0.5
	}
	if len(w.agenda) == 0 {
		w.diskFull = false // somebody makes room in the end
	}
}

// apply gives an event its time, feeds it, makes the changes durable and
// carries out the effects; the server may die at any point in between.
func (w *world) apply(event Event) {
	executions, wells, effects := w.machine.Apply(w.stamp(event))
	w.check(executions, wells)
	if e, ok := event.(Ended); ok && e.Evidence.Reason == enums.ReasonUnkillable {
		w.later(w.span(60), Released{Key: e.Key}, 0)
	}
	for _, x := range executions {
		w.executions[x.ID] = x
	}
	for _, v := range wells {
		w.wells[Key{v.Execution, v.Name}] = v
	}
	for _, f := range effects {
		w.perform(f)
	}
}

func (w *world) stamp(event Event) Event {
	at := At{w.now}
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
	case Restored:
		e.At = at
		return e
	default:
		return Tick{at}
	}
}

func (w *world) perform(effect Effect) {
	switch f := effect.(type) {
	case Compile:
		if w.rng.Float64() < w.faults*0.05 {
			w.later(w.span(3), CompileFailed{ID: f.Execution.ID, Error: "bad", Code: "invalid_input"}, 0)
			return
		}
		compiled := Compiled{ID: f.Execution.ID, Compilation: Compilation{Workers: f.Execution.Workers, Retries: f.Execution.Retries}}
		for i := range 1 + int(f.Execution.ID[1]-'0')*5 {
			compiled.Wells = append(compiled.Wells, CompiledWell{
				Name: fmt.Sprintf("A%02d", i+1), Cost: float64(i % 3), Estimate: 1 << 22,
			})
		}
		w.later(w.span(3), compiled, 0)
	case Start:
		key := attemptKey{Key{f.Execution.ID, f.Well.Name}, f.Attempt.Number}
		for other := range w.alive {
			if other.Key == key.Key {
				w.broken = fmt.Errorf("%v runs twice at once", key.Key)
			}
		}
		if n, _ := w.machine.Active(); n > w.workers {
			w.broken = fmt.Errorf("%d attempts run in %d slots", n, w.workers)
		}
		w.alive[key] = true
		spawn := w.span(2)
		w.later(spawn, Spawned{Key: key.Key, Attempt: key.attempt, Pid: 1}, 0)
		w.later(spawn, Running{Key: key.Key, Attempt: key.attempt}, 0)
		w.later(spawn+w.span(30), w.outcome(key), 0)
	case Adopt:
		key := attemptKey{Key{f.Execution.ID, f.Well.Name}, f.Attempt.Number}
		w.later(w.span(20), w.outcome(key), 0)
	case Stop:
		key := attemptKey{f.Key, f.Attempt}
		if w.alive[key] {
			w.later(w.span(2), Ended{Key: f.Key, Attempt: f.Attempt, Evidence: Attempt{Reason: enums.ReasonCancelled}}, 0)
		}
	case Commit:
		w.later(w.span(1), Committed{
			Key: Key{f.Execution.ID, f.Well.Name}, Attempt: f.Attempt,
			Error: map[bool]string{true: "full"}[w.diskFull], DiskFull: w.diskFull,
		}, 0)
	case Merge:
		w.merges[f.Execution.ID]++
		w.later(w.span(2), Merged{ID: f.Execution.ID, DiskFull: w.diskFull, Error: map[bool]string{true: "full"}[w.diskFull]}, 0)
	case Wake:
		w.later(max(0, f.Time.Sub(w.now)), Tick{}, 0)
	}
}

// outcome draws how an attempt ends.
func (w *world) outcome(key attemptKey) Ended {
	e := Ended{Key: key.Key, Attempt: key.attempt, Evidence: Attempt{Reason: enums.ReasonOK, PeakMemory: 1 << 22}}
	if w.rng.Float64() < w.faults {
		reasons := enums.ExitReasons()
		e.Evidence.Reason = reasons[w.rng.IntN(len(reasons))]
		e.DiskFull = w.diskFull && e.Evidence.Reason == enums.ReasonOutputInvalid
	}
	return e
}

// crash kills the server: what was on its way to it is lost, processes and
// durable records stay, and a new server starts from those.
func (w *world) crash() {
	kept := agenda{}
	for _, a := range w.agenda {
		if a.life == -1 {
			kept = append(kept, a)
		}
	}
	heap.Init(&kept)
	w.agenda = kept
	w.machine = NewMachine(w.config())
	restored := Restored{}
	for _, x := range w.executions {
		restored.Executions = append(restored.Executions, x)
	}
	for _, v := range w.wells {
		restored.Wells = append(restored.Wells, v)
	}
	slices.SortFunc(restored.Wells, func(a, b Well) int {
		return slices.Compare([]string{a.Execution, a.Name}, []string{b.Execution, b.Name})
	})
	w.apply(restored)
}

// check holds the invariants at every change.
func (w *world) check(executions []Execution, wells []Well) {
	for _, x := range executions {
		if before, ok := w.ended[x.ID]; ok && before != x.Status {
			w.broken = fmt.Errorf("execution %s went from its final state %s to %s", x.ID, before, x.Status)
		}
		if x.Status.Final() {
			w.ended[x.ID] = x.Status
		}
	}
	for _, v := range wells {
		key := Key{v.Execution, v.Name}
		if before, ok := w.final[key]; ok && before != v.Status {
			w.broken = fmt.Errorf("well %v went from its final state %s to %s", key, before, v.Status)
		}
		if v.Status.Final() {
			w.final[key] = v.Status
		}
		for _, a := range v.Attempts {
			if !a.Ended.IsZero() {
				delete(w.alive, attemptKey{key, a.Number})
			}
		}
		if last := v.Last(); last != nil && v.Status.Final() && last.Ended.IsZero() {
			w.broken = fmt.Errorf("well %v is %s while attempt %d still runs", key, v.Status, last.Number)
		}
	}
}

func (w *world) atTheEnd(plates int) error {
	for i := range plates {
		id := fmt.Sprintf("x%d", i)
		x := w.executions[id]
		if !x.Status.Final() {
			return fmt.Errorf("execution %s ended as %s/%s, hold %+v", id, x.Status, x.Stage, x.Hold)
		}
		failed := 0
		for _, name := range x.Order {
			v := w.wells[Key{id, name}]
			if !v.Status.Final() {
				return fmt.Errorf("well %s of %s ended as %s", name, id, v.Status)
			}
			if v.Status == enums.WellFailed {
				failed++
			}
			if v.Status != enums.WellCancelled && len(v.Attempts) == 0 && v.Error == "" {
				return fmt.Errorf("well %s of %s is %s without evidence", name, id, v.Status)
			}
		}
		if x.Status == enums.ExecutionComplete && failed > 0 {
			return fmt.Errorf("execution %s is complete with %d failed wells", id, failed)
		}
	}
	if len(w.alive) > 0 {
		return fmt.Errorf("processes are left: %v", w.alive)
	}
	return nil
}
