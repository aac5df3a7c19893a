package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what every command needs from outside.
type app struct {
	in     io.Reader
	out    io.Writer // results
	errs   io.Writer // everything else
	getenv func(string) string
	json   bool
}

// Main runs the command and returns its exit code.
func Main(args []string, in io.Reader, out, errs io.Writer, getenv func(string) string) int {
	a := &app{in: in, out: out, errs: errs, getenv: getenv}
	if slices.Equal(args, []string{"worker"}) {
		return a.work() // every well pays for its start: not for all the other commands too
	}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.Execute()
	var e *exitError
	if err != nil && (!errors.As(err, &e) || e.err != nil) {
		fmt.Fprintf(errs, "supervisor: %s\n", strings.TrimSpace(err.Error()))
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "supervisor",
		Short: "Run image-analysis pipelines over plates, one process per well",
		Long: `supervisor runs image-analysis pipelines over high-content-screening plates.
Every well has an operating-system process of its own, so that a crash, a hang
or a lack of memory costs one well and never a plate.

Start here:
  supervisor plate inspect PLATE                   what is on a plate
  supervisor functions                             what a pipeline can do
  supervisor run PLATE --pipeline examples/nuclei.yaml

Exit codes: 0 complete, 1 finished with failed wells, 2 bad usage or input and
nothing started, 3 no server, 4 cancelled elsewhere, 5 internal error, 130
interrupted here.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          subcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "write machine-readable JSON")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w (see `%s --help`)", err, cmd.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run plates:"},
		&cobra.Group{ID: "server", Title: "Servers and processes:"},
		&cobra.Group{ID: "look", Title: "Look and check:"},
	)
	root.AddCommand(a.commands()...)
	settleExits(root)
	return root
}

// subcommand is the Args of commands that have only subcommands.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}

// settleExits gives every error its exit code, here and below: what a command
// returns without one is our fault, and what the parser returns is the user's.
func settleExits(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w (see `%s --help`)", err, cmd.CommandPath())
			}
			if slices.Contains(args, "") { // not the newest, all, or the folder that we are in
				return usagef("an argument is empty: is it a variable that is not set? (see `%s --help`)", cmd.CommandPath())
			}
			return nil
		}
	}
	if run := c.RunE; run != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			err := run(cmd, args)
			var e *exitError
			if err != nil && !errors.As(err, &e) {
				return &exitError{ExitInternal, err}
			}
			return err
		}
	}
	for _, sub := range c.Commands() {
		settleExits(sub)
	}
}

// show writes a value as JSON when --json is given, else calls text.
func (a *app) show(value any, text func(w io.Writer) error) error {
	if !a.json {
		return text(a.out)
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// terminal tells whether w is a terminal that may be drawn on.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
