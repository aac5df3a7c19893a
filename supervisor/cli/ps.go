package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

// psFlags are the flags of ps.
type psFlags struct {
	tree, watch bool
	interval    time.Duration
}

func (a *app) psCommand() *cobra.Command {
	k, f := &connection{}, &psFlags{}
	c := &cobra.Command{
		Use:     "ps",
		Short:   "Show a server's processes: workers with well and step, CPU, memory, I/O",
		GroupID: "server",
		Long: `ps shows the server, its workers with what they work on, and, with --tree, what
those have started. Memory counts shared pages by their share; CPU is a percentage
of one core, since the process started or, with --watch, since the last look.

A server that does not answer is looked at through the process table.`,
		Example: "  supervisor ps --tree --watch\n  supervisor ps --port 7778",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.ps(cmd.Context(), k, f) },
	}
	k.flags(c)
	fl := c.Flags()
	fl.BoolVarP(&f.tree, "tree", "t", false, "show what workers have started too, as a tree")
	fl.BoolVarP(&f.watch, "watch", "w", false, "look again and again; Ctrl-C ends it")
	fl.DurationVar(&f.interval, "interval", time.Second, "time between looks")
	return c
}

// snapshot is one look at the processes.
type snapshot struct {
	Time   string          `json:"time"`
	Source string          `json:"source"` // "server" or "process table"
	Tree   message.Process `json:"tree"`
}

func (a *app) ps(ctx context.Context, k *connection, f *psFlags) error {
	if f.interval < 100*time.Millisecond {
		return usagef("--interval %s: want at least 100ms", f.interval)
	}
	o, err := a.clientOptions(k)
	if err != nil {
		return err
	}
	looker := &looker{options: o}
	defer looker.close()
	if !f.watch {
		shot, err := looker.look(ctx)
		if err != nil {
			return serverError(err)
		}
		a.sayTable(shot)
		return a.show(shot, func(w io.Writer) error { return writeProcesses(w, shot, f.tree) })
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	var before *snapshot
	for {
		shot, err := looker.look(ctx)
		if ctx.Err() != nil {
			return exit(ExitInterrupted)
		}
		if err != nil {
			return serverError(err)
		}
		if before == nil || before.Source != shot.Source {
			a.sayTable(shot)
		}
		now := shot.Tree
		if before != nil {
			shot.Tree = since(before.Tree, shot.Tree)
		}
		if err := a.drawProcesses(shot, f.tree); err != nil {
			return err
		}
		shot.Tree, before = now, &shot
		select {
		case <-ctx.Done():
			return exit(ExitInterrupted)
		case <-ticker.C:
		}
	}
}

// sayTable says that the process table stands in for the server.
func (a *app) sayTable(s snapshot) {
	if s.Source != fromServer {
		fmt.Fprintf(a.errs, "The server does not answer. This is what the process table says about process %d, which holds its port.\n", s.Tree.PID)
	}
}

func (a *app) drawProcesses(s snapshot, tree bool) error {
	if a.json {
		return writeLine(a.out, s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.Time)
	if err := writeProcesses(&b, s, tree); err != nil {
		return err
	}
	text := b.String() + "\n"
	if out, ok := a.out.(*os.File); ok && terminal(out) && a.getenv("TERM") != "dumb" {
		columns, rows, err := term.GetSize(int(out.Fd()))
		if err != nil {
			columns, rows = 0, 0
		}
		text = "\x1b[H\x1b[J" + fit(b.String(), columns, rows) // from the top left, what was there is erased
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// fit cuts lines to a window, whose size is 0 when it is not known: one that
// wraps, or one too many, would push out what belongs at the top.
func fit(text string, columns, rows int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if most := rows - 1; most > 1 && len(lines) > most { // the cursor is below them
		lines = append(lines[:most-1:most-1], fmt.Sprintf("… and %d more", len(lines)-most+1))
	}
	for i, line := range lines {
		if letters := []rune(line); columns > 0 && len(letters) > columns {
			lines[i] = string(letters[:columns])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// looker looks at a server's processes, through the server when it answers.
type looker struct {
	options client.Options
	client  *client.Client
}

const (
	fromServer = "server"
	fromTable  = "process table"
	// lookPatience bounds how long a silent server is waited for.
	lookPatience = 2 * time.Second
)

func (l *looker) look(ctx context.Context) (snapshot, error) {
	shot := snapshot{Source: fromServer}
	tree, err := l.ask(ctx)
	if err != nil && l.options.Host == "" {
		if holder := client.FindHolder(l.options); holder.Held && holder.PID > 0 {
			shot.Source = fromTable
			places := l.options.Places
			if holder.State != "" {
				places.State = holder.State
			}
			tree, err = tableTree(holder.PID, places.Workers())
		}
	}
	if err != nil {
		return shot, err
	}
	shot.Time, shot.Tree = time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), tree
	return shot, nil
}

func (l *looker) ask(ctx context.Context) (message.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	if l.client == nil {
		c, err := client.Connect(ctx, l.options)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%w: it does not answer within %s", client.ErrNoServer, lookPatience)
			}
			return message.Process{}, err
		}
		l.client = c
	}
	return l.client.Processes(ctx)
}

func (l *looker) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// since gives every process the CPU that it took since an earlier look.
func since(before, now message.Process) message.Process {
	earlier := map[int]message.Process{}
	each(before, 0, func(p message.Process, _ int) { earlier[p.PID] = p })
	var update func(p message.Process) message.Process
	update = func(p message.Process) message.Process {
		if was, ok := earlier[p.PID]; ok && p.Age > was.Age {
			p.CPUPercent = max(0, 100*(p.CPUSeconds-was.CPUSeconds)/(p.Age-was.Age))
		}
		children := make([]message.Process, len(p.Children))
		for i, child := range p.Children {
			children[i] = update(child)
		}
		p.Children = children
		return p
	}
	return update(now)
}

func each(p message.Process, depth int, f func(p message.Process, depth int)) {
	f(p, depth)
	for _, child := range p.Children {
		each(child, depth+1, f)
	}
}

// writeProcesses is a table: server and workers or, as a tree, all.
func writeProcesses(w io.Writer, s snapshot, tree bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PID\tWELL\tSTEP\t%\tATTEMPT\tEXECUTION\tSTATE\tCPU%\tCPU\tMEMORY\tREAD\tWRITTEN\tAGE\tPROCESS")
	each(s.Tree, 0, func(p message.Process, depth int) {
		if depth > 1 && !tree {
			return
		}
		name, percent, attempt := p.Name, "", ""
		switch {
		case depth == 0:
			name = "server"
		case depth == 1 && p.Well != "":
			name = "worker"
			attempt = fmt.Sprint(p.Attempt)
			if s.Source == fromServer {
				percent = fmt.Sprintf("%.0f", p.Percent)
			}
		case depth == 1 && p.Name == s.Tree.Name:
			name = "worker, waits for a well"
			if s.Source == fromTable {
				name = "worker, well unknown" // one that was started ahead bears no well's mark
			}
		}
		if tree && depth > 0 {
			name = strings.Repeat("  ", depth-1) + "└ " + name
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\n", p.PID, p.Well, p.Step, percent, attempt, short(p.Execution),
			p.State, p.CPUPercent, seconds(p.CPUSeconds), bytesText(int64(p.MemoryMB*(1<<20))), bytesText(p.ReadBytes), bytesText(p.WrittenBytes), seconds(p.Age), name)
	})
	return t.Flush()
}
