package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

func (a *app) plateSynthCommand() *cobra.Command {
	s := plate.Synthesis{}
	var wells, sites, size string
	c := &cobra.Command{
		Use:   "synth DIR",
		Short: "Make a synthetic plate with known truth, the same bytes for the same seed",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if n, err := strconv.Atoi(wells); err == nil {
				s.Wells = n
			} else {
				s.WellNames = strings.FieldsFunc(wells, func(r rune) bool { return r == ',' || r == ' ' })
			}
			var err error
			if s.Rows, s.Columns, err = pair(sites, "--sites"); err != nil {
				return err
			}
			if s.Height, s.Width, err = pair(size, "--size"); err != nil {
				return err
			}
			if err := plate.Synthesize(args[0], s); err != nil {
				return usage(err)
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("resolve %s: %w", args[0], err)
			}
			return a.show(map[string]string{"plate": dir, "truth": filepath.Join(dir, "truth.csv")}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s\nWhat is really on it: %s\n", dir, filepath.Join(dir, "truth.csv"))
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&s.Layout, "layout", plate.LayoutImageXpress, "file layout: imagexpress or opera")
	f.StringVar(&s.Name, "name", "synthetic", "name of the plate")
	f.StringVar(&wells, "wells", "24", "how many wells, or which (A01,B02)")
	f.StringVar(&sites, "sites", "2x2", "grid of sites in a well, rows x columns")
	f.Float64Var(&s.Overlap, "overlap", 0.1, "overlap of neighbouring sites, as a fraction of their size")
	f.IntVar(&s.Channels, "channels", 1, "channels; the first shows nuclei")
	f.IntVar(&s.Planes, "planes", 1, "z planes, 1 µm apart")
	f.IntVar(&s.Timepoints, "timepoints", 1, "time points")
	f.StringVar(&size, "size", "512x512", "size of a site in pixels, rows x columns")
	f.IntVar(&s.Cells, "cells", 60, "cells per site in an untreated well")
	f.Float64Var(&s.Background, "background", 300, "background in counts; negative for none")
	f.Float64Var(&s.Noise, "noise", 20, "camera noise in counts; negative for none")
	f.Uint64Var(&s.Seed, "seed", 1, "seed")
	return c
}

// pair reads "2x3".
func pair(text, flag string) (rows, columns int, err error) {
	first, second, ok := strings.Cut(strings.ToLower(text), "x")
	rows, errRows := strconv.Atoi(strings.TrimSpace(first))
	columns, errColumns := strconv.Atoi(strings.TrimSpace(second))
	if !ok || errRows != nil || errColumns != nil {
		return 0, 0, usagef("%s %q: write rows x columns, such as 2x3", flag, text)
	}
	return rows, columns, nil
}
