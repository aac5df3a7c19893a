package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

func (a *app) plateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "plate",
		Short:   "Look at a plate folder, or synthesize one",
		GroupID: "look",
		Args:    subcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.plateInspectCommand(), a.plateSynthCommand())
	return c
}

func (a *app) plateInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR",
		Short: "Show what the format reader sees: wells, sites, channels, z, t, what is missing",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			index, err := plate.Open(args[0])
			if err != nil {
				return usage(err)
			}
			in := index.Inspect()
			return a.show(in, func(w io.Writer) error { return writeInspection(w, in) })
		},
	}
}

func writeInspection(w io.Writer, in plate.Inspection) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("plate", "%s", in.Name)
	row("folder", "%s", in.Root)
	row("format", "%s: %s", in.Format, in.Explanation)
	row("wells", "%d  %s", len(in.Wells), shortList(in.Wells, 12))
	row("sites", "%d  %s", len(in.Sites), shortList(in.Sites, 12))
	row("channels", "%d  %s", len(in.Channels), shortList(channelLabels(in), 12))
	row("z", "%d  %s", len(in.ZIndexes), shortList(in.ZIndexes, 12))
	row("timepoints", "%d  %s", len(in.Timepoints), shortList(in.Timepoints, 12))
	row("images", "%d", in.Images)
	for _, s := range in.Shapes {
		row("", "%d x %d %s, %s (channels %s)", s.Width, s.Height, s.Type, s.Compression, strings.Join(s.Channels, ", "))
	}
	if in.PixelSize > 0 {
		row("pixel size", "%g µm", in.PixelSize)
	}
	if len(in.Projections) > 0 {
		row("projections", "%d, not counted among the images", len(in.Projections))
	}
	row("missing", "%d", len(in.Missing))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write inspection: %w", err)
	}
	for i, m := range in.Missing {
		if i == 20 {
			fmt.Fprintf(w, "  … and %d more (--json lists all)\n", len(in.Missing)-i)
			break
		}
		fmt.Fprintf(w, "  missing: %s\n", m)
	}
	for _, warning := range in.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	return nil
}

func channelLabels(in plate.Inspection) []string {
	labels := slices.Clone(in.Channels)
	for i, c := range labels {
		if name := in.ChannelNames[c]; name != "" && name != c {
			labels[i] = fmt.Sprintf("%s (%s)", c, name)
		}
	}
	return labels
}

// shortList writes the first few of a list.
func shortList(all []string, most int) string {
	if len(all) <= most {
		return strings.Join(all, " ")
	}
	return strings.Join(all[:most-1], " ") + " … " + all[len(all)-1]
}
