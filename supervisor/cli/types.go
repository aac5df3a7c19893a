package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// catalogue is the functions that pipelines may name here.
func (a *app) catalogue() *function.Catalogue { return function.Select(a.getenv) }

// vocabulary is every type name that crosses a process boundary.
func (a *app) vocabulary() (*registry.Registry, error) {
	r, err := worker.Vocabulary(a.catalogue())
	if err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	return r, nil
}

func (a *app) typesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "types",
		Short:   "List the registered types and enumerations, and the fingerprint over them",
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := a.vocabulary()
			if err != nil {
				return err
			}
			d := r.Description()
			return a.show(struct {
				Fingerprint string               `json:"fingerprint"`
				Description registry.Description `json:"description"`
			}{r.Fingerprint(), d}, func(w io.Writer) error {
				if err := writeDescription(w, d); err != nil {
					return err
				}
				_, err := fmt.Fprintf(w, "\nfingerprint %s\n", r.Fingerprint())
				return err
			})
		},
	}
}

func writeDescription(w io.Writer, d registry.Description) error {
	for _, t := range d.Types {
		fmt.Fprintln(w, t.Name)
		for _, alias := range t.Aliases {
			fmt.Fprintf(w, "  also known as %s\n", alias)
		}
		for _, f := range t.Fields {
			optional := ""
			if f.Optional {
				optional = ", may be missing"
			}
			fmt.Fprintf(w, "  %s: %s%s%s\n", f.Name, f.Type, spaced(f.Unit), optional)
		}
	}
	for _, e := range d.Enumerations {
		fmt.Fprintf(w, "%s\n  %s\n", e.Name, strings.Join(e.Members, ", "))
	}
	return nil
}
