package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// logsFlags are the flags of logs.
type logsFlags struct {
	follow            bool
	grep, level, well string
	lines             int
	files             bool
	host              string // refused: see logs
}

func (a *app) logsCommand() *cobra.Command {
	k, f := &connection{}, &logsFlags{}
	c := &cobra.Command{
		Use:     "logs [WHAT]",
		Short:   "Show what the server and its workers said",
		GroupID: "look",
		Long: `logs shows logs, merged by time, without your knowing where they are, and also
when no server runs. WHAT is an execution's id, or as much of it as is unique; or
"server"; or nothing, for the server and the newest execution.

What a well's process says is in the log of its execution, with well and attempt.

It reads files of this machine. For a server on another one, run it there.`,
		Example: `  supervisor logs -f
  supervisor logs 2aef6374 --well A04
  supervisor logs server --level warn
  supervisor logs 2aef6374 --grep 'panic|signal' --json`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			ids, directive := a.completeID(k)(cmd, args, typed)
			if len(args) == 0 {
				ids = append(ids, "server")
			}
			return ids, directive
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.logs(cmd.Context(), k, f, strings.Join(args, ""), cmd.Flags().Changed("lines"))
		},
	}
	k.placeFlags(c)
	fl := c.Flags()
	// Other commands have it, so that the reader of its refusal is told why.
	fl.StringVar(&f.host, "connect", "", "")
	_ = fl.MarkHidden("connect")
	fl.BoolVarP(&f.follow, "follow", "f", false, "go on showing what is written; Ctrl-C ends it")
	fl.StringVarP(&f.grep, "grep", "g", "", "only lines that match this regular expression")
	fl.StringVarP(&f.level, "level", "l", "debug", "least severe level: debug, info, warn or error")
	fl.StringVar(&f.well, "well", "", "only what is about this well")
	fl.IntVarP(&f.lines, "lines", "n", 0, "only the last so many lines; 0 is all (default: 200 without WHAT and with -f, else all)")
	fl.BoolVar(&f.files, "files", false, "list the log files instead of their lines")
	_ = c.RegisterFlagCompletionFunc("level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// linesAtFirst is how many lines are shown when nothing says how many.
const linesAtFirst = 200

func (a *app) logs(ctx context.Context, k *connection, f *logsFlags, what string, counted bool) error {
	if f.host != "" {
		return usagef("--connect %s: logs are files of the machine that the server runs on, and cannot be read from another one: run `supervisor logs` there, without --connect", f.host)
	}
	filter, err := f.filter()
	if err != nil {
		return err
	}
	if f.lines < 0 {
		return usagef("--lines %d: want 0 or more", f.lines)
	}
	if !counted && (what == "" || f.follow) {
		f.lines = linesAtFirst
	}
	o, err := a.clientOptions(k)
	if err != nil {
		return err
	}
	dir := logDir(ctx, o)
	choose := chooser(dir, k.port, what, time.Now())
	files, err := choose()
	if err != nil {
		return err
	}
	switch {
	case f.files:
		return a.show(files, func(w io.Writer) error {
			for _, file := range files {
				if _, err := fmt.Fprintln(w, file.Path); err != nil {
					return err
				}
			}
			return nil
		})
	case len(files) == 0 && !f.follow:
		fmt.Fprintf(a.errs, "There are no logs in %s yet.\n", dir)
		return nil
	case f.follow:
		return a.followLogs(ctx, choose, filter, f.lines)
	}
	entries, err := logfile.Read(files, filter)
	if err != nil {
		return err
	}
	return a.writeEntries(a.last(entries, f.lines))
}

func (f *logsFlags) filter() (logfile.Filter, error) {
	var filter logfile.Filter
	level, err := enums.ParseLogLevel(f.level)
	if err != nil {
		return filter, usagef("--level: %w", err)
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return filter, fmt.Errorf("parse level: %w", err)
	}
	filter.Level = l
	if f.grep != "" {
		if filter.Grep, err = regexp.Compile(f.grep); err != nil {
			return filter, usagef("--grep: %w", err)
		}
	}
	if f.well != "" {
		if filter.Well, err = plate.CanonicalWell(f.well); err != nil {
			return filter, usagef("--well: %w", err)
		}
	}
	return filter, nil
}

// logDir is where the server on the port keeps its logs, if it answers, or else
// where one that is started now would.
func logDir(ctx context.Context, o client.Options) logfile.Dir {
	if client.FindHolder(o).Held {
		ctx, cancel := context.WithTimeout(ctx, completionPatience)
		defer cancel()
		if c, err := client.Connect(ctx, o); err == nil {
			defer c.Close()
			if path := c.Server().LogFilePath; path != "" {
				return logfile.Dir(filepath.Dir(path))
			}
		}
	}
	return logfile.Dir(o.Places.Logs())
}

// chooser names the files that WHAT means, at every call anew.
func chooser(dir logfile.Dir, port int, what string, since time.Time) func() ([]logfile.File, error) {
	return func() ([]logfile.File, error) {
		all, err := dir.Files()
		if err != nil {
			return nil, err
		}
		var wanted []string // executions
		switch {
		case what == "server":
		case what == "":
			for _, f := range slices.Backward(all) {
				if f.Kind == logfile.KindExecution && (len(wanted) == 0 || f.Modified.After(since)) {
					wanted = append(wanted, f.Execution)
				}
			}
		default:
			id, err := executionOf(all, dir, what)
			if err != nil {
				return nil, err
			}
			wanted = []string{id}
		}
		return slices.DeleteFunc(all, func(f logfile.File) bool {
			if f.Kind == logfile.KindServer {
				return f.Port != port || what != "" && what != "server"
			}
			return !slices.Contains(wanted, f.Execution)
		}), nil
	}
}

// executionOf finds the execution that a prefix of an id names, by its logs.
func executionOf(files []logfile.File, dir logfile.Dir, prefix string) (string, error) {
	prefix = strings.ToLower(prefix)
	names := map[string]string{} // by id
	for _, f := range files {
		if f.Kind != logfile.KindServer && strings.HasPrefix(f.Execution, prefix) {
			names[f.Execution] = strings.TrimSuffix(f.Name(), "-"+short(f.Execution)) + " " + f.Execution
		}
	}
	switch len(names) {
	case 1:
		for id := range names {
			return id, nil
		}
	case 0:
		return "", usagef("there is no log of an execution %s in %s: see `supervisor history`, or `supervisor logs --files`", prefix, dir)
	}
	return "", usagef("%s is ambiguous: %s", prefix, shortList(slices.Sorted(maps.Values(names)), 12))
}

// last is the end of a list, and says what it leaves out.
func (a *app) last(entries []logfile.Entry, n int) []logfile.Entry {
	if n == 0 || len(entries) <= n {
		return entries
	}
	if !a.json {
		fmt.Fprintf(a.errs, "%d earlier lines are left out (-n 0 shows all)\n", len(entries)-n)
	}
	return entries[len(entries)-n:]
}

func (a *app) followLogs(ctx context.Context, choose func() ([]logfile.File, error), filter logfile.Filter, lines int) (err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	follow := logfile.NewFollow(choose, filter)
	defer func() { err = errors.Join(err, follow.Close()) }()
	first := true
	err = follow.Run(ctx, func(entries []logfile.Entry) error {
		if first {
			entries, first = a.last(entries, lines), false
		}
		return a.writeEntries(entries)
	})
	if err != nil {
		return err
	}
	return exit(ExitInterrupted)
}

// writeEntries writes one line per entry: for people, or JSON.
func (a *app) writeEntries(entries []logfile.Entry) error {
	var b strings.Builder
	for _, e := range entries {
		if a.json {
			line := map[string]string{}
			for _, attr := range e.Attrs {
				line[attr.Key] = attr.Value
			}
			line["time"], line["level"] = e.Time.Format("2006-01-02T15:04:05.000Z"), e.Level.String()
			line["msg"], line["source"] = e.Message, e.Source
			if err := writeLine(&b, line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(&b, "%s %-5s %s: %s", e.Time.Format("2006-01-02T15:04:05.000Z"), e.Level, e.Source, e.Message)
		own := e.Get("execution") != "" && strings.HasSuffix(e.Source, short(e.Get("execution")))
		for _, attr := range e.Attrs {
			value := attr.Value
			switch {
			case own && (attr.Key == "execution" || attr.Key == "plate"):
				continue // the source says so
			case attr.Key == "execution":
				value = short(value)
			case value == "" || strings.ContainsAny(value, " \t\n\""):
				value = strconv.Quote(value)
			}
			fmt.Fprintf(&b, " %s=%s", attr.Key, value)
		}
		b.WriteByte('\n')
	}
	text := b.String()
	if !a.json {
		text = strings.Map(harmless, text)
	}
	_, err := io.WriteString(a.out, text)
	return err
}
