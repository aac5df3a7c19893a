package pipeline

import (
	"slices"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
)

// Configuration is the configuration around a pipeline file. Its own layers, of
// the pipeline and of each step, come between the two.
type Configuration struct {
	Base      []config.Layer // such as the global file
	Overrides []config.Layer // such as the command line
}

// Resolve returns the configuration with the layers of a pipeline and, maybe,
// a step between.
func (c Configuration) Resolve(own ...config.Layer) (config.Resolved, error) {
	own = slices.DeleteFunc(slices.Clone(own), func(l config.Layer) bool { return len(l.Set) == 0 })
	return config.Resolve(slices.Concat(c.Base, own, c.Overrides)...)
}

// settings resolves the configuration of the pipeline and whether each step
// keeps its images.
func (c *compiler) settings(configuration Configuration) error {
	var err error
	if c.plan.Settings, err = configuration.Resolve(c.def.Config); err != nil {
		return err
	}
	c.keep = make([]bool, len(c.def.Steps))
	for i, step := range c.def.Steps {
		resolved, err := configuration.Resolve(c.def.Config, step.Config)
		if err != nil {
			return err
		}
		c.keep[i] = resolved.Step().Keep
	}
	return nil
}
