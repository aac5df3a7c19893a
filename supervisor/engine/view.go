package engine

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// keptFinal is how many ended executions stay in memory; older ones are read
// from the journal by whoever asks.
const keptFinal = 64

// view is what clients may see: only what is durable. It is read from any
// goroutine and written by the persister.
type view struct {
	mu         *sync.RWMutex
	executions map[string]Execution
	wells      map[string]map[string]Well
	changed    *chan struct{} // closed and replaced at every change
}

func newView() view {
	c := make(chan struct{})
	return view{new(sync.RWMutex), map[string]Execution{}, map[string]map[string]Well{}, &c}
}

func (v view) update(executions []Execution, wells []Well) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range executions {
		v.executions[x.ID] = x
	}
	for _, w := range wells {
		if v.wells[w.Execution] == nil {
			v.wells[w.Execution] = map[string]Well{}
		}
		v.wells[w.Execution][w.Name] = w
	}
	v.prune()
	close(*v.changed)
	*v.changed = make(chan struct{})
}

// prune drops the oldest ended executions beyond keptFinal.
func (v view) prune() {
	var final []Execution
	for _, x := range v.executions {
		if x.Status.Final() {
			final = append(final, x)
		}
	}
	if len(final) <= keptFinal {
		return
	}
	slices.SortFunc(final, func(a, b Execution) int { return a.Ended.Compare(b.Ended) })
	for _, x := range final[:len(final)-keptFinal] {
		delete(v.executions, x.ID)
		delete(v.wells, x.ID)
	}
}

// Executions returns every execution in memory, in the order they are worked on.
func (e *Engine) Executions() []Execution {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	all := make([]Execution, 0, len(e.view.executions))
	for _, x := range e.view.executions {
		all = append(all, x.clone())
	}
	slices.SortFunc(all, func(a, b Execution) int {
		if a.Priority != b.Priority && !a.Status.Final() && !b.Status.Final() {
			return b.Priority - a.Priority
		}
		return a.Sequence - b.Sequence
	})
	return all
}

// Execution returns one execution and its wells in plate order. Both are copies
// of one moment.
func (e *Engine) Execution(id string) (Execution, []Well, bool) {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	x, ok := e.view.executions[id]
	if !ok {
		return Execution{}, nil, false
	}
	wells := make([]Well, 0, len(x.Order))
	for _, name := range x.Order {
		if w, ok := e.view.wells[id][name]; ok {
			wells = append(wells, w.clone())
		}
	}
	return x.clone(), wells, true
}

// Changed returns a channel that closes at the next change of what is visible.
func (e *Engine) Changed() <-chan struct{} {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	return *e.view.changed
}

// Idle tells whether no execution waits or runs.
func (e *Engine) Idle() bool {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	for _, x := range e.view.executions {
		if !x.Status.Final() {
			return false
		}
	}
	return true
}

// Waiting counts the wells that have not started and will.
func (e *Engine) Waiting() int {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	n := 0
	for id, x := range e.view.executions {
		if x.Status.Final() || x.Cancelled {
			continue
		}
		for _, name := range x.Order {
			w := e.view.wells[id][name]
			if w.Status == enums.WellPending || w.Status == enums.WellRetryWait {
				n++
			}
		}
	}
	return n
}

// Live is a well that has a process.
type Live struct {
	Key     Key
	Plate   string
	Attempt int
	Pid     int // 0 while it is being started
	Since   time.Time
}

// Running returns the wells that have a process, by execution and plate order.
func (e *Engine) Running() []Live {
	e.view.mu.RLock()
	defer e.view.mu.RUnlock()
	var live []Live
	for id, x := range e.view.executions {
		if x.Status.Final() {
			continue
		}
		for _, w := range e.view.wells[id] {
			if a := w.Last(); (w.Status == enums.WellStarting || w.Status == enums.WellRunning) && !a.Unread {
				live = append(live, Live{Key{id, w.Name}, x.Plate, a.Number, a.Pid, a.Started})
			}
		}
	}
	slices.SortFunc(live, func(a, b Live) int {
		return cmp.Or(cmp.Compare(a.Key.Execution, b.Key.Execution), cmp.Compare(a.Key.Well, b.Key.Well))
	})
	return live
}
