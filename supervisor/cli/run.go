package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
)

// submitFlags are the flags that describe one execution.
type submitFlags struct {
	pipeline string
	out      string
	wells    string
	config   string
	set      []string
	workers  int
	retries  int
	priority int
	fresh    bool
	resume   bool
}

func (f *submitFlags) flags(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVarP(&f.pipeline, "pipeline", "p", "", "pipeline file (required)")
	fl.StringVarP(&f.out, "out", "o", "", "results folder (default: PLATE_wellhouse beside the plate)")
	fl.StringVar(&f.wells, "wells", "", "which wells: N for the first N, A01,B02, A01:A12, row:A, col:01-06, !A01 to leave out")
	fl.StringVar(&f.config, "config", "", "configuration file")
	fl.StringArrayVar(&f.set, "set", nil, "set one configuration value, key=value; may be repeated (see 'supervisor config explain')")
	fl.IntVar(&f.workers, "workers", 0, "wells at once (default: as the server is set)")
	fl.IntVar(&f.retries, "retries", -1, "further attempts at a well whose process was lost (default: as configured)")
	fl.IntVar(&f.priority, "priority", 0, "higher goes before lower in the queue")
	fl.Lookup("retries").DefValue = "0" // help hides it: -1 means nothing to a reader
	fl.BoolVar(&f.fresh, "fresh", false, "compute every well again")
	fl.BoolVar(&f.resume, "resume", true, "keep finished wells whose images, pipeline and versions are unchanged")
	_ = c.MarkFlagRequired("pipeline")
	c.MarkFlagsMutuallyExclusive("fresh", "resume")
	_ = c.MarkFlagFilename("pipeline", "yaml", "yml")
}

// request checks what can be checked here and makes the submission.
func (a *app) request(f *submitFlags, plate string) (message.Execute, error) {
	var r message.Execute
	dir, err := filepath.Abs(plate)
	if err != nil {
		return r, usagef("resolve plate: %w", err)
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return r, usagef("there is no plate folder %s", dir)
	case err != nil:
		return r, usagef("look at plate: %w", err)
	case !info.IsDir():
		return r, usagef("%s is a file: name the plate's folder", dir)
	}
	text, err := os.ReadFile(f.pipeline)
	if err != nil {
		return r, usagef("read pipeline: %w", err)
	}
	if _, err := pipeline.Parse(f.pipeline, text, a.catalogue()); err != nil {
		return r, usage(err)
	}
	r = message.Execute{
		SubmissionID: uuid.NewString(), PlateID: dir, PipelineCode: string(text), SelectedPipelinePath: f.pipeline,
		WellFilter: f.wells, Workers: f.workers, Priority: f.priority, ConfigParams: map[string]any{},
	}
	if f.out != "" {
		if r.OutputPath, err = filepath.Abs(f.out); err != nil {
			return r, usagef("resolve --out: %w", err)
		}
	}
	if f.config != "" {
		text, err := os.ReadFile(f.config)
		if err != nil {
			return r, usagef("read configuration: %w", err)
		}
		if _, err := config.Parse(f.config, text); err != nil {
			return r, usage(err)
		}
		r.ConfigCode = string(text)
	}
	for _, s := range f.set {
		layer, err := config.ParseSet(s)
		if err != nil {
			return r, usage(err)
		}
		for key, value := range layer.Set {
			r.ConfigParams[key] = wire(value)
		}
	}
	if f.retries < -1 {
		return r, usagef("--retries %d: want 0 or more, or -1 for as many as configured", f.retries)
	}
	if f.retries >= 0 {
		r.Retries = &f.retries
	}
	if resume := f.resume && !f.fresh; !resume {
		r.Resume = &resume
	}
	if f.workers < 0 {
		return r, usagef("--workers %d: want at least 1, or 0 for as many as the server allows", f.workers)
	}
	return r, nil
}

// wire is a setting as messages carry it: truth and numbers as they are,
// durations and sizes as text with their unit.
func wire(value any) any {
	switch value.(type) {
	case bool, int, float64:
		return value
	}
	return fmt.Sprint(value)
}

func (a *app) runCommand() *cobra.Command {
	k, f := &connection{}, &submitFlags{}
	detach := false
	c := &cobra.Command{
		Use:     "run PLATE --pipeline FILE",
		Short:   "Run a pipeline over a plate and write the results",
		GroupID: "run",
		Long: `run does the whole job: it finds the server or starts one, submits the plate,
shows it filling in, and writes tables, images, a heatmap and a manifest.

A server that run started ends when nobody needs it any more. Ctrl-C cancels
this execution and asks its wells to end; a second one kills them. --detach
leaves it running.

Finished wells are kept when the command is repeated: run again what failed by
typing the same command.`,
		Example: `  supervisor run PLATE --pipeline examples/nuclei.yaml
  supervisor run PLATE -p nuclei.yaml --wells row:A --out /data/results
  supervisor run PLATE -p nuclei.yaml --set timeout=10m --retries 0`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), k, f, args[0], detach)
		},
	}
	k.flags(c)
	f.flags(c)
	c.Flags().BoolVarP(&detach, "detach", "d", false, "submit and leave; follow with 'supervisor wait'")
	return c
}

func (a *app) run(ctx context.Context, k *connection, f *submitFlags, plate string, detach bool) error {
	request, err := a.request(f, plate)
	if err != nil {
		return err
	}
	interrupts, stop := a.takeSignals()
	defer stop()
	var serve []string
	if f.workers > 0 {
		serve = append(serve, "--workers", strconv.Itoa(f.workers))
	}
	c, accepted, err := a.handIn(ctx, k, interrupts, serve, request.SubmissionID, func(ctx context.Context, c submitter) (message.Accepted, error) {
		return c.Submit(ctx, request)
	})
	if err != nil {
		return err
	}
	defer c.Close()
	a.tellLimit(f.workers, accepted)
	if detach {
		return a.showAccepted(accepted)
	}
	title := strings.Join([]string{filepath.Base(request.PlateID), strings.TrimSuffix(filepath.Base(f.pipeline), filepath.Ext(f.pipeline)), accepted.ExecutionID[:8]}, " · ")
	w := watcher{app: a, client: c, id: accepted.ExecutionID, title: title, interrupts: interrupts, cancels: true}
	if c.Started() {
		w.revive = a.reviver(k, serve)
	}
	return w.watch(ctx)
}
