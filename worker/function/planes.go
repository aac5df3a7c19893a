package function

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// eachPlane runs work on every plane of the call, on up to Threads goroutines,
// and stops early when the call's context ends.
func (c *Call) eachPlane(work func(i int, p *imaging.Plane) error) error {
	group, ctx := errgroup.WithContext(c.Context)
	group.SetLimit(max(1, c.Threads))
	for i, p := range c.Stack {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return work(i, p)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.Context.Err()
}

// filter is the Apply of a function that turns each plane into another one.
func filter[P any](kernel func(p *imaging.Plane, parameters P) *imaging.Plane) func(*Call) error {
	return func(c *Call) error {
		parameters := c.Parameters.(P)
		out := make(imaging.Stack, len(c.Stack))
		err := c.eachPlane(func(i int, p *imaging.Plane) error {
			out[i] = kernel(p, parameters)
			return nil
		})
		if err != nil {
			return err
		}
		c.Stack = out
		return nil
	}
}

// reduce is the Apply of a function that turns a stack into one plane.
func reduce[P any](kernel func(s imaging.Stack, parameters P) (*imaging.Plane, error)) func(*Call) error {
	return func(c *Call) error {
		if err := c.Context.Err(); err != nil {
			return err
		}
		if len(c.Stack) == 0 {
			return fmt.Errorf("reduce stack: it has no planes")
		}
		if err := c.Stack.SameShape(); err != nil {
			return err
		}
		out, err := kernel(c.Stack, c.Parameters.(P))
		if err != nil {
			return err
		}
		c.Stack = imaging.Stack{out}
		return nil
	}
}

// objects returns the label map of plane i, or says why it cannot be used.
func (c *Call) objects(i int) (*imaging.Labels, error) {
	if len(c.Objects) != len(c.Stack) {
		return nil, fmt.Errorf("measure objects: got %d label maps for %d planes", len(c.Objects), len(c.Stack))
	}
	l, p := c.Objects[i], c.Stack[i]
	if l.Height != p.Height || l.Width != p.Width {
		return nil, fmt.Errorf("measure objects: plane %d is %d×%d px, its label map %d×%d px",
			i, p.Height, p.Width, l.Height, l.Width)
	}
	return l, nil
}

// measure is the Apply of a function that measures the objects of each plane.
// Rows come in the order of planes and labels, whatever Threads is.
func measure(kernel func(p *imaging.Plane, l *imaging.Labels, row func(object int, feature string, value float64))) func(*Call) error {
	return func(c *Call) error {
		rows := make([][]Measurement, len(c.Stack))
		err := c.eachPlane(func(i int, p *imaging.Plane) error {
			l, err := c.objects(i)
			if err != nil {
				return err
			}
			kernel(p, l, func(object int, feature string, value float64) {
				rows[i] = append(rows[i], Measurement{Plane: i, Object: object, Feature: feature, Value: value})
			})
			return nil
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			c.Rows = append(c.Rows, r...)
		}
		return nil
	}
}
