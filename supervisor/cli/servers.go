package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

func (a *app) serversCommand() *cobra.Command {
	k, ports := &connection{port: place.DefaultPort}, ""
	c := &cobra.Command{
		Use:     "servers",
		Short:   "Find servers: ours, OpenHCS's and viewers, ready, busy or stuck",
		GroupID: "server",
		Long: fmt.Sprintf(`servers looks for servers at ports %d to %d and at every other port for which this
user has a socket: its own, zmqruntime's and OpenHCS's sockets, and loopback TCP.
All places are asked at once. A server that lives but does not answer is listed
as unresponsive.`, place.DefaultPort, client.LastPort),
		Example: "  supervisor servers --ports 7777-7799,9000",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.servers(cmd.Context(), k, ports) },
	}
	fl := c.Flags()
	fl.StringVar(&ports, "ports", "", "ports to look at instead of the usual ones, such as 7777-7787,9000")
	fl.StringVar(&k.key, "key", "", "file with this client's keys, for servers with --curve")
	return c
}

func (a *app) servers(ctx context.Context, k *connection, ports string) error {
	o, err := a.clientOptions(k)
	if err != nil {
		return err
	}
	d := client.Discovery{Places: o.Places, Home: a.getenv("HOME"), Curve: o.Curve}
	if d.Ports, err = portList(ports); err != nil {
		return err
	}
	found := client.Discover(ctx, d)
	return a.show(found, func(w io.Writer) error {
		if len(found) == 0 {
			_, err := fmt.Fprintln(a.errs, "No server was found. Start one with `supervisor serve`, or let `supervisor run` start it.")
			return err
		}
		return writeServers(w, found)
	})
}

func writeServers(w io.Writer, found []client.Found) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PORT\tROLE\tSTATE\tUP\tPID\tVERSION\tFOUND AT\tLOG")
	for _, f := range found {
		state, up, pid := string(f.State), "", ""
		if f.State == client.StateActive {
			state = fmt.Sprintf("active: %d running, %d queued", f.Running, f.Queued)
		}
		if f.Uptime > 0 {
			up = seconds(f.Uptime)
		}
		if f.PID > 0 {
			pid = strconv.Itoa(f.PID)
		}
		at, log := f.Endpoint, f.LogFile
		if f.Problem != "" {
			log = f.Problem
		}
		version := f.Version
		if version == "" {
			version = f.Server
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Port, f.Role, state, up, pid, version, at, log)
	}
	return t.Flush()
}

// portList reads "7777-7787,9000".
func portList(text string) ([]int, error) {
	var ports []int
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, errFirst := strconv.Atoi(low)
		last, errLast := strconv.Atoi(high)
		if errFirst != nil || errLast != nil || first < 1 || last > 65535-place.ControlOffset || first > last {
			return nil, usagef("--ports %q: write ports and ranges between 1 and %d, such as 7777-7787,9000", text, 65535-place.ControlOffset)
		}
		if len(ports)+last-first > 1000 {
			return nil, usagef("--ports %q: at most 1000 ports at once", text)
		}
		for port := first; port <= last; port++ {
			ports = append(ports, port)
		}
	}
	return ports, nil
}
