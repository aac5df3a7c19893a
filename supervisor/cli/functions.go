package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// functionInfo is a catalogue entry as --json prints it.
type functionInfo struct {
	Name         string               `json:"name"`
	Summary      string               `json:"summary"`
	Reference    string               `json:"reference"`
	Version      int                  `json:"version"`
	Kind         function.Kind        `json:"kind"`
	TakesObjects bool                 `json:"takes_objects"`
	GivesObjects bool                 `json:"gives_objects"`
	Measures     bool                 `json:"measures"`
	Parameters   []functionParameters `json:"parameters"`
}

type functionParameters struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Unit    string   `json:"unit,omitempty"`
	Min     *float64 `json:"min,omitempty"`
	Max     *float64 `json:"max,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Default any      `json:"default"`
	Doc     string   `json:"doc"`
}

func (a *app) functionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "functions [NAME]",
		Short:   "List the functions a pipeline can name, with their parameters",
		GroupID: "look",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, d := range a.catalogue().All() {
				names = append(names, d.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			all := a.catalogue().All()
			if len(args) == 1 {
				d, err := a.catalogue().Get(args[0])
				if err != nil {
					return usage(err)
				}
				all = []function.Definition{d}
			}
			infos := make([]functionInfo, len(all))
			for i, d := range all {
				infos[i] = describeFunction(d)
			}
			return a.show(infos, func(w io.Writer) error {
				if len(args) == 1 {
					return writeFunction(w, infos[0])
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, f := range infos {
					fmt.Fprintf(t, "%s\t%s\n", f.Name, f.Summary)
				}
				fmt.Fprintln(t, "\nMore about one of them: supervisor functions NAME")
				return t.Flush()
			})
		},
	}
}

func describeFunction(d function.Definition) functionInfo {
	info := functionInfo{d.Name, d.Summary, d.Reference, d.Version, d.Kind, d.TakesObjects, d.GivesObjects, d.Measures, []functionParameters{}}
	for _, p := range d.ParameterList() {
		info.Parameters = append(info.Parameters, functionParameters{p.Name, p.Type, p.Unit, p.Min, p.Max, p.Choices, p.Default, p.Doc})
	}
	return info
}

func writeFunction(w io.Writer, f functionInfo) error {
	fmt.Fprintf(w, "%s (version %d, %s)\n  %s\n", f.Name, f.Version, f.Kind, f.Summary)
	if f.Reference != "" {
		fmt.Fprintf(w, "  Source: %s\n", f.Reference)
	}
	if f.TakesObjects {
		fmt.Fprintln(w, "  Takes the objects named in `with: {objects: NAME}`.")
	}
	if f.GivesObjects {
		fmt.Fprintln(w, "  Makes objects; the step names them with `objects: NAME`.")
	}
	if len(f.Parameters) == 0 {
		_, err := fmt.Fprintln(w, "  No parameters.")
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  PARAMETER\tTYPE\tDEFAULT\tRANGE\t")
	for _, p := range f.Parameters {
		fmt.Fprintf(t, "  %s\t%s\t%v%s\t%s\t%s\n", p.Name, p.Type, p.Default, spaced(p.Unit), p.bounds(), p.Doc)
	}
	return t.Flush()
}

func spaced(unit string) string {
	if unit == "" {
		return ""
	}
	return " " + unit
}

func (p functionParameters) bounds() string {
	switch {
	case len(p.Choices) > 0:
		return strings.Join(p.Choices, " | ")
	case p.Min != nil && p.Max != nil:
		return fmt.Sprintf("%g to %g", *p.Min, *p.Max)
	case p.Min != nil:
		return fmt.Sprintf("at least %g", *p.Min)
	case p.Max != nil:
		return fmt.Sprintf("at most %g", *p.Max)
	default:
		return "any"
	}
}
