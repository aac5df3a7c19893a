package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

func (a *app) shutdownCommand() *cobra.Command {
	k, force := &connection{}, false
	c := &cobra.Command{
		Use:     "shutdown [--force]",
		Short:   "Cancel everything on a server; with --force end the server too",
		GroupID: "server",
		Long: `shutdown cancels every execution on a server, running and queued, and waits until
their processes have ended. The server stays, for other work.

With --force the server ends as well. To end a server and keep its queue for the
next one, send it SIGTERM (kill PID, Ctrl-C, systemctl --user stop wellhouse).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.shutdown(cmd.Context(), k, force) },
	}
	k.flags(c)
	c.Flags().BoolVarP(&force, "force", "f", false, "end the server too")
	return c
}

const (
	// shutdownPatience bounds how long shutdown waits for processes to end.
	shutdownPatience = time.Minute
	// shutdownPause is the time between looks at what still runs: a client has
	// no event for the end of a server.
	shutdownPause = 100 * time.Millisecond
)

func (a *app) shutdown(ctx context.Context, k *connection, force bool) error {
	o, err := a.clientOptions(k)
	if err != nil {
		return err
	}
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	ack, err := c.Shutdown(ctx, force)
	if err != nil {
		return serverError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownPatience)
	defer cancel()
	if err := a.awaitShutdown(ctx, c, o, force); err != nil {
		return err
	}
	return a.show(ack, func(w io.Writer) error {
		text := "Nothing runs any more; the server stays (--force ends it)."
		if force {
			text = "The server has ended."
		}
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

// awaitShutdown waits until nothing runs or, with force, until the server is
// gone, and says on what it waits.
func (a *app) awaitShutdown(ctx context.Context, c *client.Client, o client.Options, force bool) error {
	ticker := time.NewTicker(shutdownPause)
	defer ticker.Stop()
	said := ""
	gone := func() bool { return o.Host == "" && !client.FindHolder(o).Held }
	for {
		if force && gone() {
			return nil
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		pong, err := c.Ping(short)
		cancel()
		switch {
		case err == nil && !force && busy(pong) == 0:
			return nil
		case err != nil && force && (o.Host != "" || gone()):
			return nil
		case err == nil:
			waits := "Waiting for the server to end"
			if n := busy(pong); n > 0 {
				waits = "Waiting for " + count(n, "execution") + " to end"
				if p := working(pong); p > 0 {
					waits += ", in " + count(p, "process")
				}
			}
			if waits != said {
				fmt.Fprintln(a.errs, waits)
				said = waits
			}
		}
		select {
		case <-ctx.Done():
			return &exitError{ExitNoServer, fmt.Errorf("gave up after %s (%s): look with `supervisor ps --tree`", shutdownPatience, said)}
		case <-ticker.C:
		}
	}
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "s"):
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func busy(p message.Pong) int { return len(p.RunningExecutions) + len(p.QueuedExecutions) }

func working(p message.Pong) int {
	n := 0
	for _, w := range p.Workers {
		if w.Status == "running" {
			n++
		}
	}
	return n
}
