package worker

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// stack takes one stack through the chain of its branch.
func (r *run) stack(ctx context.Context, i int, group pipeline.Group, planes []*plane, threads int) ([]*plane, error) {
	step := &r.task.Steps[i]
	pixels := make(imaging.Stack, len(planes))
	at := make([]plate.Coordinates, len(planes))
	for n, p := range planes {
		if err := ctx.Err(); err != nil {
			return nil, cancelled(ctx, step.Name)
		}
		if err := r.load(step, p); err != nil {
			return nil, err
		}
		// The stack is the only holder from here on, so that what a function
		// replaces can be freed before the stack is done.
		pixels[n], p.pixels = p.pixels, nil
		at[n] = p.at
	}
	var labels []*imaging.Labels // made by this step
	for number := range step.Branches[group.Branch].Calls {
		call := &step.Branches[group.Branch].Calls[number]
		done, err := r.call(ctx, i, number, call, pixels, at, threads)
		if err != nil {
			return nil, err
		}
		pixels = done.Stack
		if call.Kind == function.Reducing {
			at = []plate.Coordinates{group.Key}
		}
		if call.Gives {
			labels = done.Objects
			r.objects.put(step.Objects, at, labels)
			r.tables.made(step.Objects, at, labels)
		}
		if call.Measures {
			if err := r.tables.measured(i, number, call, at, done.Rows); err != nil {
				return nil, functionFailed(ctx, step.Name, call.Function, err)
			}
		}
	}
	made := make([]*plane, len(pixels))
	for n := range pixels {
		made[n] = &plane{at: at[n], pixels: pixels[n]}
	}
	if step.Keep {
		if err := r.keep(step, made, labels); err != nil {
			return nil, writeFailed(step.Name, err)
		}
	}
	return made, nil
}

// load reads the pixels of a plane that has none yet.
func (r *run) load(step *pipeline.Step, p *plane) error {
	if p.pixels != nil {
		return nil
	}
	defer r.since(&r.reading, r.Now())
	pixels, err := r.Read(filepath.Join(r.task.PlateRoot, filepath.FromSlash(p.path)))
	if err != nil {
		return unreadable(step.Name, p.path, err)
	}
	if err := r.inputs.add(r.task.PlateRoot, p.path); err != nil {
		return unreadable(step.Name, p.path, err)
	}
	p.pixels = pixels
	return nil
}

// call calls one function and holds it to its contract.
func (r *run) call(ctx context.Context, i, number int, call *pipeline.Call, pixels imaging.Stack, at []plate.Coordinates, threads int) (*function.Call, error) {
	step := &r.task.Steps[i]
	definition, err := r.Catalogue.Get(call.Function)
	if err != nil {
		return nil, functionFailed(ctx, step.Name, call.Function, err)
	}
	c := &function.Call{
		Context:    ctx,
		Parameters: call.Parameters,
		Stack:      pixels,
		Threads:    threads,
		Well:       r.task.Well,
		Attempt:    r.task.Attempt,
	}
	if call.Objects != "" {
		c.Objects = r.objects.get(call.Objects, at, pixels)
	}
	planes := len(pixels)
	start := r.Now()
	err = definition.Apply(c)
	r.since(&r.computing, start)
	if err == nil {
		err = contract(call, c, planes)
	}
	if err != nil {
		return nil, functionFailed(ctx, step.Name, call.Function, err)
	}
	return c, nil
}

// contract reports what a function returned against its definition.
func contract(call *pipeline.Call, c *function.Call, planes int) error {
	want := planes
	if call.Kind == function.Reducing {
		want = 1
	}
	if len(c.Stack) != want {
		return fmt.Errorf("returned %d planes for %d, want %d", len(c.Stack), planes, want)
	}
	for n, p := range c.Stack {
		if p == nil || len(p.Pix) != p.Height*p.Width {
			return fmt.Errorf("returned no valid plane %d", n)
		}
	}
	if call.Gives || call.Objects != "" {
		if len(c.Objects) != want {
			return fmt.Errorf("returned %d label maps for %d planes", len(c.Objects), want)
		}
		for n, l := range c.Objects {
			if l == nil || len(l.Pix) != l.Height*l.Width || l.Count < 0 {
				return fmt.Errorf("returned no valid label map for plane %d", n)
			}
		}
	}
	for _, row := range c.Rows {
		switch {
		case !call.Measures:
			return fmt.Errorf("returned measurements, which it does not declare")
		case row.Plane < 0 || row.Plane >= want:
			return fmt.Errorf("measured plane %d of %d", row.Plane, want)
		case row.Object < 0 || row.Object > 0 && (c.Objects == nil || row.Object > c.Objects[row.Plane].Count):
			return fmt.Errorf("measured object %d, which plane %d does not have", row.Object, row.Plane)
		case row.Feature == "":
			return fmt.Errorf("returned a measurement without a name")
		}
	}
	return nil
}
