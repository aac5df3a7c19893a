package worker

import (
	"context"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// segment takes the well's planes through the steps of a segment, parcel by
// parcel, as many at a time as there are threads. It returns the planes after
// it when keep is true, and otherwise lets them go parcel by parcel.
//
// When parcels fail, the error of the first in plate order is returned: parcels
// start in order, no further one starts after a failure, and those at work
// finish, so the answer does not depend on who was faster.
func (r *run) segment(ctx context.Context, segment *pipeline.Segment, planes []*plane, keep bool) ([]*plane, error) {
	parcels := segment.Parcels(coordinates(planes))
	inside := make([][]*plane, len(parcels))
	for i, p := range parcels {
		inside[i] = pick(planes, p.Planes)
	}
	planes = nil // a parcel that is done frees its planes

	parallel := max(1, min(r.task.Threads, len(parcels)))
	threads := r.task.Threads / parallel
	var (
		mu     sync.Mutex
		next   int
		failed bool
	)
	errs := make([]error, len(parcels))
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if failed || next == len(parcels) {
			return -1
		}
		next++
		return next - 1
	}
	work := func() {
		for {
			i := take()
			if i < 0 {
				return
			}
			after, err := r.parcel(ctx, segment, parcels[i].Key, inside[i], threads)
			if !keep {
				after = nil
			}
			inside[i] = after
			if err != nil {
				mu.Lock()
				errs[i], failed = err, true
				mu.Unlock()
			}
		}
	}
	var workers sync.WaitGroup
	for range parallel - 1 {
		workers.Go(work)
	}
	work()
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	r.progress.segmentDone(segment)
	for _, after := range inside {
		planes = append(planes, after...)
	}
	sortPlanes(planes)
	return planes, nil
}

// parcel takes the planes of one parcel through the steps of a segment.
func (r *run) parcel(ctx context.Context, segment *pipeline.Segment, key plate.Coordinates, planes []*plane, threads int) ([]*plane, error) {
	for i := segment.First; i <= segment.Last; i++ {
		var err error
		if planes, err = r.step(ctx, i, planes, threads); err != nil {
			return nil, err
		}
		r.objects.drop(r.task, segment, key, i)
	}
	return planes, nil
}

// step works on the stacks of one step among the planes of a parcel, and
// returns the planes after it.
func (r *run) step(ctx context.Context, i int, planes []*plane, threads int) ([]*plane, error) {
	step := &r.task.Steps[i]
	after := make([]*plane, len(planes)) // a reduced stack takes its first plane's place
	copy(after, planes)
	for _, group := range step.Stacks(coordinates(planes)) {
		if ctx.Err() != nil {
			return nil, cancelled(ctx, step.Name)
		}
		r.Stepped(step.Name)
		r.progress.stackStarted(i, group)
		made, err := r.stack(ctx, i, group, pick(planes, group.Planes), threads)
		if err != nil {
			return nil, err
		}
		for n, p := range group.Planes {
			planes[p], after[p] = nil, nil
			if n < len(made) {
				after[p] = made[n]
			}
		}
		r.progress.stackDone(i, group)
	}
	left := after[:0]
	for _, p := range after {
		if p != nil {
			left = append(left, p)
		}
	}
	sortPlanes(left)
	return left, nil
}
