package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// minimumRoom is the free space below which a failure is blamed on the disk.
const minimumRoom = 1 << 20

// roomFor tells whether there is room on the folder's file system, which has
// none when it is read-only or cannot be reached.
func roomFor(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return !result.Away(err) // else not known to be full
	}
	return st.Flags&readOnly == 0 && int64(st.Bavail)*int64(st.Bsize) >= minimumRoom //nolint:unconvert // the types differ by platform
}

// Commit makes an attempt's results the well's.
func (e *edge) Commit(ctx context.Context, x engine.Execution, w engine.Well, attempt int) error {
	_, err := orGiveUp(ctx, func() (struct{}, error) { return struct{}{}, e.commit(x, w, attempt) })
	return err
}

func (e *edge) commit(x engine.Execution, w engine.Well, attempt int) error {
	j, done, err := e.atWork(x, "the results of well "+w.Name+" are being committed")
	if err != nil {
		return err
	}
	defer done()
	err = j.folder.Commit(w.Name, attempt, result.Origin(w.Origin))
	if errors.Is(err, result.ErrLocked) { // its worker is stuck, its outcome on disk
		return marked{err, engine.ErrDiskFull}
	}
	if err != nil {
		return j.failed(err)
	}
	e.discard(j, x, w.Name, attempt) // its log
	return nil
}

// Merge writes the plate's tables, images and heatmap.
func (e *edge) Merge(ctx context.Context, x engine.Execution, wells []engine.Well) (json.RawMessage, error) {
	if x.Cancelled {
		j, err := e.jobs.get(x)
		if err == nil && j.busy.hangs(e.now()) {
			return nil, marked{errSilent, engine.ErrDiskFull}
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		ctx = cancelled
	}
	return orGiveUp(ctx, func() (json.RawMessage, error) { return e.merge(x, wells) })
}

// cancelPatience is how long work on the results folder of an execution that was
// cancelled is waited for.
const cancelPatience = time.Minute

// orGiveUp waits for work on a results folder, and no longer than cancelPatience
// once ctx has ended: what hangs is then left to itself.
func orGiveUp[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type end struct {
		value T
		err   error
	}
	done := make(chan end, 1)
	go func() { // ends, or hangs by itself
		value, err := work()
		done <- end{value, err}
	}()
	select {
	case v := <-done:
		return v.value, v.err
	case <-ctx.Done():
	}
	select {
	case v := <-done:
		return v.value, v.err
	case <-time.After(cancelPatience):
		var none T
		return none, marked{errSilent, engine.ErrDiskFull}
	}
}

func (e *edge) merge(x engine.Execution, wells []engine.Well) (json.RawMessage, error) {
	j, done, err := e.atWork(x, "results are being merged")
	if err != nil {
		return nil, err
	}
	defer done()
	f := j.known()
	if f == nil {
		return nil, errors.New("what its plan was is not on record")
	}
	work := result.Job{
		Execution: x.ID, Plate: f.Plate, PlateRoot: j.submission.PlatePath, Pipeline: f.Pipeline, PipelineText: j.submission.Pipeline,
		Configuration: f.Settings, Warnings: f.Warnings, Whole: j.submission.WellFilter == "", Fingerprint: e.names.Fingerprint(),
		Versions: map[string]string{"wellhouse": e.version}, Started: x.Started, Ended: e.now(),
	}
	maps.Copy(work.Versions, f.Versions)
	for i := range wells {
		work.Wells = append(work.Wells, resultWell(&wells[i]))
	}
	merged, err := j.folder.Merge(work)
	if err != nil {
		return nil, j.failed(err)
	}
	for i := range wells {
		for n := range wells[i].Attempts {
			e.discard(j, x, wells[i].Name, wells[i].Attempts[n].Number)
		}
	}
	text, err := json.Marshal(summarize(merged, wells, j.folder.Path(), e.now().Sub(x.Started).Seconds()))
	if err != nil {
		return nil, fmt.Errorf("encode summary: %w", err)
	}
	return text, refused(merged.Problems)
}

// refused is the error of a merge that could not use what was committed: damaged
// after it was written, so no attempt of this execution can be blamed.
func refused(problems []result.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = fmt.Errorf("well %s (%s): %s", p.Well, p.Reason, p.Error)
	}
	return fmt.Errorf("results were damaged after they were written: %w", errors.Join(errs...))
}

func resultWell(w *engine.Well) result.Well {
	r := result.Well{Well: w.Name, Status: w.Status, Attempts: len(w.Attempts), Reason: w.Reason, Error: w.Error, Warnings: w.Warnings}
	if w.Status == enums.WellComplete {
		r.Error = ""
	}
	for i := range w.Attempts {
		a := &w.Attempts[i]
		r.Jobs = append(r.Jobs, result.Attempt{
			Number: a.Number, Reason: a.Reason, ExitCode: a.ExitCode, Signal: a.Signal,
			Started: a.Started, Ended: a.Ended, CPU: a.CPU, PeakMemory: a.PeakMemory,
			LastStep: a.LastStep, Error: a.Error, LogTail: a.LogTail,
		})
	}
	return r
}

// summarize tells what the merged files hold: with wells that earlier
// executions over the same plate left.
func summarize(merged result.Summary, wells []engine.Well, out string, elapsed float64) message.Summary {
	s := message.Summary{
		WellCount: merged.Wells, Earlier: merged.Earlier, Complete: merged.Complete, Failed: merged.Failed, Cancelled: merged.Cancelled,
		Counts: merged.Objects, Warnings: merged.Warnings, OutputPath: out, Elapsed: elapsed,
	}
	for i := range wells {
		s.Wells = append(s.Wells, wells[i].Name)
		if wells[i].Status != enums.WellComplete {
			s.Missing = append(s.Missing, wells[i].Name)
		}
	}
	for _, f := range merged.Files {
		s.Files = append(s.Files, f.Path)
	}
	return s
}
