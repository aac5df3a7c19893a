package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

func (a *app) pipelineCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "pipeline",
		Short:   "Check a pipeline file",
		GroupID: "look",
		Args:    subcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.pipelineCheckCommand())
	return c
}

// checkFlags are the flags of pipeline check.
type checkFlags struct {
	wells, config string
	set           []string
}

func (a *app) pipelineCheckCommand() *cobra.Command {
	f := &checkFlags{}
	c := &cobra.Command{
		Use:   "check FILE [PLATE]",
		Short: "Check a pipeline file, and whether it suits a plate; errors name line and column",
		Long: `check reads a pipeline file as run would. With a plate it also compiles every well,
reads no pixel and writes nothing, and shows what a well will need.`,
		Example: "  supervisor pipeline check nuclei.yaml\n  supervisor pipeline check nuclei.yaml PLATE --wells row:A",
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(_ *cobra.Command, args []string) error { return a.checkPipeline(f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.wells, "wells", "", "which wells of the plate; see 'supervisor run --help'")
	fl.StringVar(&f.config, "config", "", "configuration file")
	fl.StringArrayVar(&f.set, "set", nil, "set one configuration value, key=value; may be repeated")
	return c
}

// verdict is what check found.
type verdict struct {
	OK       bool             `json:"ok"`
	File     string           `json:"file"`
	Problems []problem        `json:"problems"`
	Name     string           `json:"name,omitempty"`
	Steps    []string         `json:"steps,omitempty"`
	Tables   []string         `json:"tables,omitempty"`
	Plate    *compiledVerdict `json:"plate,omitempty"`
}

type problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// compiledVerdict is what a pipeline means for a plate.
type compiledVerdict struct {
	Name      string   `json:"name"`
	Folder    string   `json:"folder"`
	Wells     []string `json:"wells"`
	Images    int      `json:"images"`
	PeakBytes int64    `json:"peak_bytes"` // of the well that needs most, pixels and label maps
	PeakWell  string   `json:"peak_well"`
	Barriers  []string `json:"barriers"` // where a well's planes are kept in memory, and why
	Warnings  []string `json:"warnings"`
	Digest    string   `json:"digest"`
}

func (a *app) checkPipeline(f *checkFlags, args []string) error {
	v := verdict{File: args[0], Problems: []problem{}}
	err := a.judge(f, args, &v)
	if err == nil {
		v.OK = true
		return a.show(v, func(w io.Writer) error { return writeVerdict(w, v) })
	}
	if !a.json {
		return usage(err)
	}
	v.Problems = problemsOf(err)
	if err := a.show(v, nil); err != nil {
		return err
	}
	return exit(ExitUsage)
}

func (a *app) judge(f *checkFlags, args []string, v *verdict) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read pipeline: %w", err)
	}
	def, err := pipeline.Parse(args[0], text, a.catalogue())
	if err != nil {
		return err
	}
	v.Name = def.Name
	for _, s := range def.Steps {
		v.Steps = append(v.Steps, s.Name)
		if s.Objects.Text != "" && !slices.Contains(v.Tables, s.Objects.Text+".csv") {
			v.Tables = append(v.Tables, s.Objects.Text+".csv")
		}
	}
	base, overrides, err := configLayers(f.config, f.set)
	if err != nil {
		return err
	}
	around := pipeline.Configuration{Base: base, Overrides: overrides}
	if _, err := around.Resolve(def.Config); err != nil || len(args) == 1 {
		return err
	}
	index, err := plate.Open(args[1])
	if err != nil {
		return err
	}
	wells, err := plate.Filter(index.Wells(), f.wells)
	if err != nil {
		return fmt.Errorf("--wells: %w", err)
	}
	plan, err := pipeline.Compile(def, index, wells, around, a.catalogue())
	if err != nil {
		return err
	}
	v.Plate = describePlan(plan)
	return nil
}

func describePlan(plan *pipeline.Plan) *compiledVerdict {
	c := &compiledVerdict{
		Name: plan.Plate, Folder: plan.PlateRoot, Digest: plan.Digest,
		Wells: []string{}, Barriers: []string{}, Warnings: append([]string{}, plan.Warnings...),
	}
	for i := range plan.Wells {
		w := &plan.Wells[i]
		c.Wells = append(c.Wells, w.Well)
		c.Images += len(w.Images)
		if w.PeakBytes > c.PeakBytes {
			c.PeakBytes, c.PeakWell = w.PeakBytes, w.Well
		}
		for _, warning := range w.Warnings {
			c.Warnings = append(c.Warnings, w.Well+": "+warning)
		}
	}
	for _, s := range plan.Segments {
		if s.Why != "" {
			c.Barriers = append(c.Barriers, fmt.Sprintf("before %s: %s", plan.StepNames[s.First], s.Why))
		}
	}
	return c
}

// configLayers reads --config and --set.
func configLayers(file string, set []string) (base, overrides []config.Layer, err error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("read configuration: %w", err)
		}
		layer, err := config.Parse(file, text)
		if err != nil {
			return nil, nil, err
		}
		base = append(base, layer)
	}
	for _, assignment := range set {
		layer, err := config.ParseSet(assignment)
		if err != nil {
			return nil, nil, err
		}
		overrides = append(overrides, layer)
	}
	return base, overrides, nil
}

func problemsOf(err error) []problem {
	var of *pipeline.Problems
	if errors.As(err, &of) {
		list := make([]problem, len(of.List))
		for i, p := range of.List {
			list[i] = problem{p.File, p.Line, p.Column, p.Message}
		}
		return list
	}
	return []problem{{Message: err.Error()}}
}

func writeVerdict(w io.Writer, v verdict) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tright\n", v.File)
	fmt.Fprintf(t, "steps\t%s\n", strings.Join(v.Steps, " > "))
	fmt.Fprintf(t, "tables\t%s\n", strings.Join(append([]string{"wells.csv", "sites.csv"}, v.Tables...), " "))
	if p := v.Plate; p != nil {
		fmt.Fprintf(t, "plate\t%s\n", p.Folder)
		fmt.Fprintf(t, "wells\t%d  %s\n", len(p.Wells), shortList(p.Wells, 12))
		fmt.Fprintf(t, "images\t%d\n", p.Images)
		fmt.Fprintf(t, "memory\tabout %s for the pixels of a well, most in %s\n", bytesText(p.PeakBytes), p.PeakWell)
		for _, b := range p.Barriers {
			fmt.Fprintf(t, "barrier\t%s\n", b)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	if v.Plate == nil {
		fmt.Fprintf(w, "Does it suit a plate? supervisor pipeline check %s PLATE\n", v.File)
		return nil
	}
	for i, warning := range v.Plate.Warnings {
		if i == mostNamed {
			fmt.Fprintf(w, "… and %d more warnings (--json lists all)\n", len(v.Plate.Warnings)-i)
			break
		}
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	return nil
}
