package server

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
)

// board knows the latest event of every well and plate that is not finished
// for long, numbers events in the order they are published, and hands them to
// publish. It is safe for concurrent use; publish must not block.
type board struct {
	now     func() time.Time
	publish func(*progress.Event)

	mu     sync.Mutex
	plates map[string]*plateBoard
}

type plateBoard struct {
	plate    string
	sequence uint64
	total    []string // its wells, in order
	wells    map[string]bool
	steps    []string
	latest   map[string]*progress.Event // by well; "" for the plate
	percent  map[string]float64
	ended    time.Time
}

func newBoard(now func() time.Time, publish func(*progress.Event)) *board {
	return &board{now: now, publish: publish, plates: map[string]*plateBoard{}}
}

// announce tells the board what an execution consists of.
func (b *board) announce(execution string, wells, steps []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.plate(execution)
	p.total, p.wells, p.steps = wells, setOf(wells), steps
}

func (b *board) plate(execution string) *plateBoard {
	p := b.plates[execution]
	if p == nil {
		p = &plateBoard{latest: map[string]*progress.Event{}, percent: map[string]float64{}}
		b.plates[execution] = p
	}
	return p
}

// fromWorker publishes what a well's process tells. That a well is over is not
// for its process to tell: that is news only once its results are committed.
func (b *board) fromWorker(event *progress.Event) {
	switch enums.Phase(event.GetPhase()) {
	case enums.PhaseAxisCompleted, enums.PhaseAxisError:
		return
	default:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.plates[event.GetExecution()]
	if p == nil || !p.wells[event.GetWell()] || p.overtaken(event) {
		return
	}
	b.put(p, event)
}

// resumed publishes the step that a worker was at when it was taken over, unless it
// has told by itself.
func (b *board) resumed(x engine.Execution, well string, attempt engine.Attempt, step string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.plates[x.ID]
	if p == nil || p.latest[well] != nil {
		return
	}
	b.put(p, &progress.Event{
		Execution: x.ID, Plate: x.Plate, Well: well, Attempt: int32(attempt.Number), Pid: int64(attempt.Pid), Step: step,
		Phase: string(enums.PhaseStepStarted), Status: string(enums.ProgressRunning), Timestamp: progress.Seconds(b.now()),
	})
}

// overtaken tells an event of an attempt that is over, or older than what is
// known of the same attempt.
func (p *plateBoard) overtaken(event *progress.Event) bool {
	known := p.latest[event.GetWell()]
	if !p.ended.IsZero() {
		return true
	}
	if known == nil {
		return false
	}
	if event.GetAttempt() < known.GetAttempt() {
		return true
	}
	switch enums.Phase(known.GetPhase()) {
	case enums.PhaseAxisCompleted, enums.PhaseAxisError, enums.PhaseCancelled, enums.PhaseQueued:
		return event.GetAttempt() == known.GetAttempt()
	default:
		return false
	}
}

// fromEngine publishes a change of state.
func (b *board) fromEngine(c engine.Change) {
	event := &progress.Event{
		Execution: c.Execution.ID, Plate: c.Execution.Plate,
		Phase: string(c.Phase), Status: string(c.Status),
		Timestamp: progress.Seconds(b.now()), Message: c.Message,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.plate(c.Execution.ID)
	p.plate = c.Execution.Plate
	if c.Well != nil {
		b.well(p, event, c.Well)
	} else {
		b.wholePlate(p, event, c.Execution)
	}
	b.put(p, event)
}

func (b *board) well(p *plateBoard, event *progress.Event, w *engine.Well) {
	event.Well, event.Total = w.Name, int64(len(p.steps))
	if last := w.Last(); last != nil {
		event.Attempt, event.Pid, event.Step = int32(last.Number), int64(last.Pid), last.LastStep
	}
	if known := p.latest[w.Name]; known != nil {
		event.Completed, event.Total = known.GetCompleted(), known.GetTotal()
		event.Percent = known.GetPercent()
	}
	switch w.Status {
	case enums.WellComplete:
		event.Percent, event.Completed = 100, event.GetTotal()
	case enums.WellFailed, enums.WellRetryWait:
		event.Error = string(w.Reason)
		if w.Error != "" {
			event.Error += ": " + w.Error
		}
	default: // its step tells
	}
}

func (b *board) wholePlate(p *plateBoard, event *progress.Event, x engine.Execution) {
	event.Total = int64(len(p.total))
	for _, e := range p.latest {
		if ph := enums.Phase(e.GetPhase()); e.GetWell() != "" && (ph == enums.PhaseAxisCompleted || ph == enums.PhaseAxisError) {
			event.Completed++
		}
	}
	event.Completed = min(event.Completed, event.Total)
	event.Percent = p.mean()
	event.Error = x.Error
	switch event.GetPhase() {
	case string(enums.PhaseInit):
		event.TotalWells, event.StepNames = p.total, p.steps
	case string(enums.PhaseSuccess):
		event.Percent, event.Completed = 100, event.GetTotal()
	}
	if x.Status.Final() {
		p.ended = b.now()
		b.keep(keptPlates)
	}
}

// keptPlates is how many plates that have ended are kept for clients that come
// late.
const keptPlates = 32

// keep drops the plates that ended first. The caller holds mu.
func (b *board) keep(most int) {
	var ended []string
	for id, p := range b.plates {
		if !p.ended.IsZero() {
			ended = append(ended, id)
		}
	}
	if len(ended) <= most {
		return
	}
	slices.SortFunc(ended, func(x, y string) int { return b.plates[x].ended.Compare(b.plates[y].ended) })
	for _, id := range ended[:len(ended)-most] {
		delete(b.plates, id)
	}
}

// mean is a plate's percent: the mean of its wells'.
func (p *plateBoard) mean() float64 {
	if len(p.total) == 0 {
		return 0
	}
	sum := 0.0
	for _, percent := range p.percent {
		sum += percent
	}
	return min(100, sum/float64(len(p.total)))
}

// put numbers an event, remembers and publishes it. The caller holds mu.
func (b *board) put(p *plateBoard, event *progress.Event) {
	p.sequence++
	event.Sequence = p.sequence
	p.latest[event.GetWell()] = event
	if event.GetWell() != "" {
		p.percent[event.GetWell()] = event.GetPercent()
	}
	b.publish(event)
}

// latest returns the latest event of every plate and well, as it was published,
// in the order of publication.
func (b *board) latest() []*progress.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.known()
	for i, e := range events {
		events[i] = proto.Clone(e).(*progress.Event)
	}
	return events
}

// replay publishes the latest event of every plate and well again. Nothing new
// comes in between: a subscriber never hears an event after a newer one.
func (b *board) replay() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.known() {
		b.publish(e)
	}
}

// known returns the latest events, those of plates that ended long ago left out
// when there are too many. The caller holds mu.
func (b *board) known() []*progress.Event {
	plates := slices.Collect(maps.Values(b.plates))
	slices.SortFunc(plates, func(a, b *plateBoard) int { // what has not ended first, then what ended last
		switch {
		case a.ended.IsZero() == b.ended.IsZero():
			return b.ended.Compare(a.ended)
		case a.ended.IsZero():
			return -1
		default:
			return 1
		}
	})
	var events []*progress.Event
	for _, p := range plates {
		if len(events) > 0 && len(events)+len(p.latest) > mostReplayed {
			break
		}
		events = slices.AppendSeq(events, maps.Values(p.latest))
	}
	slices.SortFunc(events, func(a, b *progress.Event) int {
		return cmp.Or(cmp.Compare(a.GetExecution(), b.GetExecution()), cmp.Compare(a.GetSequence(), b.GetSequence()))
	})
	return events
}

// restore takes up executions that an earlier server left: what is known of
// their wells is news to everybody who listens here. Numbers go on above those
// of the earlier server.
func (b *board) restore(executions []engine.Execution, wells []engine.Well) {
	byExecution := map[string][]engine.Well{}
	for _, w := range wells {
		byExecution[w.Execution] = append(byExecution[w.Execution], w)
	}
	for _, x := range executions {
		b.mu.Lock()
		p := b.plate(x.ID)
		p.sequence, p.total, p.wells = uint64(b.now().UnixMilli()), x.Order, setOf(x.Order)
		b.mu.Unlock()
		for _, w := range byExecution[x.ID] {
			if phase, status, ok := endOf(w.Status); ok {
				b.fromEngine(engine.Change{Execution: x, Well: &w, Phase: phase, Status: status})
			}
		}
		if x.Status == enums.ExecutionRunning {
			b.fromEngine(engine.Change{Execution: x, Phase: enums.PhaseRunning, Status: enums.ProgressRunning, Message: "taken up by another server"})
		}
	}
}

// endOf is what is told of a well that has ended.
func endOf(s enums.WellStatus) (enums.Phase, enums.ProgressStatus, bool) {
	switch s {
	case enums.WellComplete:
		return enums.PhaseAxisCompleted, enums.ProgressSuccess, true
	case enums.WellFailed:
		return enums.PhaseAxisError, enums.ProgressError, true
	case enums.WellCancelled:
		return enums.PhaseCancelled, enums.ProgressCancelled, true
	default:
		return "", "", false
	}
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// step returns what a running well is doing, for the process tree.
func (b *board) step(execution, well string) (step string, percent float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.plates[execution]; p != nil {
		if e := p.latest[well]; e != nil {
			return e.GetStep(), e.GetPercent()
		}
	}
	return "", 0
}
