package worker

import (
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// reporter turns what a run does into progress events: one at a time, percent
// never falling. Steps of one segment overlap, because parcels go through them
// in turn; each still starts once and completes once.
type reporter struct {
	task   *pipeline.Task
	report func(*progress.Event)

	mu      sync.Mutex
	total   []int // stacks per step
	begun   []bool
	done    []int
	ended   []bool
	allDone int
	all     int
}

func newProgress(task *pipeline.Task, report func(*progress.Event)) *reporter {
	p := &reporter{
		task:   task,
		report: report,
		total:  task.StackCounts(),
		begun:  make([]bool, len(task.Steps)),
		done:   make([]int, len(task.Steps)),
		ended:  make([]bool, len(task.Steps)),
	}
	for _, n := range p.total {
		p.all += n
	}
	return p
}

// percent of the well, of its stacks; 100 is kept for the end.
func (p *reporter) percent() float64 {
	if p.all == 0 {
		return 0
	}
	return 99 * float64(p.allDone) / float64(p.all)
}

// send fills in what every event has; the caller holds the lock.
func (p *reporter) send(step int, phase enums.Phase, status enums.ProgressStatus, e *progress.Event) {
	e.Execution, e.Plate, e.Well, e.Attempt = p.task.Execution, p.task.Plate, p.task.Well, int32(p.task.Attempt)
	e.Phase, e.Status = string(phase), string(status)
	if step >= 0 {
		e.Step = p.task.Steps[step].Name
	}
	if e.Percent == 0 {
		e.Percent = p.percent()
	}
	p.report(e)
}

func (p *reporter) started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send(-1, enums.PhaseAxisStarted, enums.ProgressStarted, &progress.Event{Total: int64(p.all)})
}

func (p *reporter) begin(step int) {
	if p.begun[step] {
		return
	}
	p.begun[step] = true
	p.send(step, enums.PhaseStepStarted, enums.ProgressStarted, &progress.Event{Total: int64(p.total[step])})
}

func (p *reporter) end(step int) {
	if p.ended[step] || p.done[step] < p.total[step] {
		return
	}
	p.ended[step] = true
	n := int64(p.total[step])
	p.send(step, enums.PhaseStepCompleted, enums.ProgressSuccess, &progress.Event{Completed: n, Total: n})
}

func (p *reporter) stackStarted(step int, _ pipeline.Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin(step)
}

func (p *reporter) stackDone(step int, group pipeline.Group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[step]++
	p.allDone++
	s := &p.task.Steps[step]
	p.send(step, enums.PhasePatternGroup, enums.ProgressRunning, &progress.Event{
		Completed: int64(p.done[step]),
		Total:     int64(p.total[step]),
		Component: s.GroupBy,
		Pattern:   strings.TrimPrefix(group.Key.Without(enums.Well).String(), ", "),
	})
	p.end(step)
}

// segmentDone completes the steps that had nothing to do in this well.
func (p *reporter) segmentDone(segment *pipeline.Segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for step := segment.First; step <= segment.Last; step++ {
		p.begin(step)
		p.end(step)
	}
}

func (p *reporter) completed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send(-1, enums.PhaseAxisCompleted, enums.ProgressSuccess, &progress.Event{
		Percent: 100, Completed: int64(p.all), Total: int64(p.all),
	})
}

func (p *reporter) failed(f *Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := enums.ProgressError
	if f.Reason == enums.ReasonCancelled {
		status = enums.ProgressCancelled
	}
	e := &progress.Event{Completed: int64(p.allDone), Total: int64(p.all), Error: f.Error(), Step: f.Step}
	p.send(-1, enums.PhaseAxisError, status, e)
}
