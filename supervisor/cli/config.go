package cli

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// configFlags say which configuration is meant.
type configFlags struct {
	config, pipeline, step string
	set                    []string
	all                    bool
}

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Show settings, where each comes from, or export them",
		GroupID: "look",
		Long: `Settings come from defaults, a configuration file, the pipeline's config: block, a
step's, and the command line; the later ones win. One that is not set is inherited.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(
		a.configSubcommand("show", "Print the values", (*app).showConfig),
		a.configSubcommand("explain", "Print the values with their origin and meaning", (*app).explainConfig),
		a.configSubcommand("export", "Write a configuration file that reads back the same", (*app).exportConfig),
	)
	return c
}

func (a *app) configSubcommand(name, does string, run func(*app, config.Resolved, *configFlags) error) *cobra.Command {
	f := &configFlags{}
	c := &cobra.Command{
		Use: name, Short: does, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			resolved, err := a.resolveConfig(f)
			if err != nil {
				return usage(err)
			}
			return run(a, resolved, f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.config, "config", "", "configuration file")
	fl.StringVarP(&f.pipeline, "pipeline", "p", "", "pipeline file, for its config: block")
	fl.StringVar(&f.step, "step", "", "a step of the pipeline, for its config: block")
	fl.StringArrayVar(&f.set, "set", nil, "set one value, key=value; may be repeated")
	if name == "export" {
		fl.BoolVar(&f.all, "all", false, "write every setting, not only those that are set")
	}
	return c
}

func (a *app) resolveConfig(f *configFlags) (config.Resolved, error) {
	base, overrides, err := configLayers(f.config, f.set)
	if err != nil {
		return config.Resolved{}, err
	}
	var own []config.Layer
	if f.pipeline == "" && f.step != "" {
		return config.Resolved{}, fmt.Errorf("--step %s: name its pipeline with --pipeline", f.step)
	}
	if f.pipeline != "" {
		text, err := os.ReadFile(f.pipeline)
		if err != nil {
			return config.Resolved{}, fmt.Errorf("read pipeline: %w", err)
		}
		def, err := pipeline.Parse(f.pipeline, text, a.catalogue())
		if err != nil {
			return config.Resolved{}, err
		}
		own = append(own, def.Config)
		if f.step != "" {
			step, err := stepOf(def, f.step)
			if err != nil {
				return config.Resolved{}, err
			}
			own = append(own, step.Config)
		}
	}
	return pipeline.Configuration{Base: base, Overrides: overrides}.Resolve(own...)
}

func stepOf(def *pipeline.Definition, name string) (pipeline.StepDefinition, error) {
	var names []string
	for _, s := range def.Steps {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return pipeline.StepDefinition{}, fmt.Errorf("--step %s: %s has the steps %s", name, def.File, shortList(names, 24))
}

func (a *app) showConfig(r config.Resolved, _ *configFlags) error {
	values := r.Explain()
	asMap := map[string]string{}
	for _, v := range values {
		asMap[v.Key] = v.Value
	}
	return a.show(asMap, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, v := range values {
			fmt.Fprintf(t, "%s\t%s\n", v.Key, v.Value)
		}
		return t.Flush()
	})
}

// explained is a value with all there is to say about it.
type explained struct {
	config.Value
	Scope string `json:"scope"`
	Doc   string `json:"doc"`
}

func (a *app) explainConfig(r config.Resolved, _ *configFlags) error {
	about := map[string]config.Setting{}
	for _, s := range config.NewSchema().Settings() {
		about[s.Key] = s
	}
	var values []explained
	for _, v := range r.Explain() {
		values = append(values, explained{v, about[v.Key].Scope, about[v.Key].Doc})
	}
	return a.show(values, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SETTING\tVALUE\tORIGIN\tSCOPE\tMEANING")
		for _, v := range values {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", v.Key, v.Value.Value, v.Origin, v.Scope, v.Doc)
		}
		return t.Flush()
	})
}

func (a *app) exportConfig(r config.Resolved, f *configFlags) error {
	text, err := config.Export(r, f.all)
	if err != nil {
		return err
	}
	return a.show(map[string]string{"yaml": string(text)}, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
