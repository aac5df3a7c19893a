package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	psnet "github.com/shirou/gopsutil/v3/net"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// LastPort ends the range of data ports, from place.DefaultPort, in which servers
// are looked for when nothing else is said.
const LastPort = place.DefaultPort + 10

// State is how a found server fares.
type State string

// The states of a found server.
const (
	StateReady        State = "ready"        // answers, and nothing runs
	StateActive       State = "active"       // answers, and something runs or waits
	StateStarting     State = "starting"     // comes up, or takes no clients at the moment
	StateError        State = "error"        // answers something else than a pong
	StateUnresponsive State = "unresponsive" // lives and does not answer
)

// Found is a server that discovery found.
type Found struct {
	Port        int     `json:"port"`
	ControlPort int     `json:"control_port"`
	Endpoint    string  `json:"endpoint"` // where it was asked
	Kind        string  `json:"kind"`     // whose place that is: "wellhouse", "openhcs", "zmqruntime", "tcp"
	State       State   `json:"state"`
	Problem     string  `json:"problem,omitempty"` // with error and unresponsive
	Role        string  `json:"role,omitempty"`
	Server      string  `json:"server,omitempty"` // its own name
	Running     int     `json:"running"`          // executions
	Queued      int     `json:"queued"`
	Workers     int     `json:"workers"`
	Uptime      float64 `json:"uptime"` // seconds
	Version     string  `json:"version,omitempty"`
	LogFile     string  `json:"log_file_path,omitempty"`
	PID         int     `json:"pid,omitempty"`

	endpoints []string // all that it says it listens at
}

// Discovery says where to look.
type Discovery struct {
	Places place.Places
	Home   string         // the user's, for the places of OpenHCS and zmqruntime
	Ports  []int          // beside those for which a socket is there; none = place.DefaultPort to LastPort
	Curve  *control.Curve // for TCP
	Wait   time.Duration  // for one answer; 1 s
}

// candidate is a place where a server may live.
type candidate struct {
	port    int
	control int
	kind    string
	path    string // of an IPC socket; "" = TCP on loopback
	codec   message.Codec
	lock    string // held for as long as a server lives there
	start   string // held while one is started
}

func (c candidate) endpoint() string {
	if c.path != "" {
		return place.Endpoint(c.path)
	}
	return fmt.Sprintf("tcp://127.0.0.1:%d", c.control)
}

// Discover looks for servers at all places at once: this user's own sockets,
// those of zmqruntime and OpenHCS, and loopback TCP. Only our own sockets are
// asked in JSON: foreign servers know pickles alone, and some end at anything
// else. A server that lives and does not answer is listed as unresponsive.
func Discover(ctx context.Context, d Discovery) []Found {
	if d.Wait == 0 {
		d.Wait = time.Second
	}
	candidates := d.candidates()
	found := make([]*Found, len(candidates))
	var group sync.WaitGroup
	for i, c := range candidates {
		group.Go(func() { found[i] = d.look(ctx, c) })
	}
	group.Wait()
	return merge(found)
}

func (d Discovery) candidates() []candidate {
	zmqruntime := func(port int) string {
		return filepath.Join(d.Home, ".zmqruntime", "ipc", fmt.Sprintf("zmq-%d.sock", port))
	}
	openhcs := func(port int) string {
		return filepath.Join(d.Home, ".openhcs", "ipc", fmt.Sprintf("openhcs-zmq-%d.sock", port))
	}
	ports := slices.Clone(d.Ports)
	if len(ports) == 0 {
		for port := place.DefaultPort; port <= LastPort; port++ {
			ports = append(ports, port)
		}
	}
	ports = append(ports, numbers(d.Places.PortLock)...)
	if d.Home != "" {
		ports = append(ports, append(foreign(zmqruntime), foreign(openhcs)...)...)
	}
	slices.Sort(ports)
	var all []candidate
	for _, port := range slices.Compact(ports) {
		own := Options{Places: d.Places, Port: port}.controlPort()
		all = append(all, candidate{
			port: port, control: own, kind: "wellhouse", path: d.Places.Socket(own), codec: message.JSON,
			lock: d.Places.PortLock(port), start: d.Places.StartLock(port),
		})
		usual := port + place.ControlOffset
		if d.Home != "" {
			all = append(all,
				candidate{port: port, control: usual, kind: "zmqruntime", path: zmqruntime(usual), codec: message.Pickle, start: zmqruntime(port) + ".startup.lock"},
				candidate{port: port, control: usual, kind: "openhcs", path: openhcs(usual), codec: message.Pickle, start: openhcs(port) + ".startup.lock"},
			)
		}
		all = append(all, candidate{port: port, control: own, kind: "tcp", codec: message.Pickle})
		if own != usual {
			all = append(all, candidate{port: port, control: usual, kind: "tcp", codec: message.Pickle})
		}
	}
	return all
}

// numbers lists the ports for which there is a file.
func numbers(path func(port int) string) []int {
	before, after, _ := strings.Cut(filepath.Base(path(0)), "0")
	entries, err := os.ReadDir(filepath.Dir(path(0)))
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		number, isOne := strings.CutPrefix(entry.Name(), before)
		number, ends := strings.CutSuffix(number, after)
		if n, err := strconv.Atoi(number); isOne && ends && err == nil && n > 0 && n <= 65535 {
			found = append(found, n)
		}
	}
	return found
}

// foreign lists the data ports of others' sockets: of a pair the lower one, and
// for one that is alone, which is then the control socket, what belongs to it.
func foreign(path func(port int) string) []int {
	all := numbers(path)
	var ports []int
	for _, n := range all {
		switch {
		case slices.Contains(all, n+place.ControlOffset):
			ports = append(ports, n)
		case !slices.Contains(all, n-place.ControlOffset) && n > place.ControlOffset:
			ports = append(ports, n-place.ControlOffset)
		}
	}
	return ports
}

// look asks one place; nil when nobody lives there.
func (d Discovery) look(ctx context.Context, c candidate) *Found {
	f := &Found{Port: c.port, ControlPort: c.control, Endpoint: c.endpoint(), Kind: c.kind}
	if !lives(ctx, c) {
		holder := holderOf(c.lock)
		f.PID = holder.PID
		switch {
		case c.start != "" && holderOf(c.start).Held:
			f.State, f.Problem, f.PID = StateStarting, "a client starts it", 0
		case holder.Held:
			f.State, f.Problem = StateUnresponsive, fmt.Sprintf("process %d holds the port and has no socket: it starts, ends or is stuck", holder.PID)
		default:
			return nil
		}
		return f
	}
	asked, cancel := context.WithTimeout(ctx, d.Wait)
	defer cancel()
	o := control.Options{Codec: c.codec, Resend: d.Wait} // asked once: foreign servers may choke on more
	if c.path == "" {
		o.Curve = d.Curve
	}
	pong, err := control.Probe(asked, c.endpoint(), o)
	var refusal *message.Error
	switch {
	case err == nil && pong.Type == message.TypePong:
		f.introduce(pong)
	case err == nil:
		f.State, f.Problem = StateError, "it answers a ping with something else"
	case errors.As(err, &refusal), !errors.Is(err, control.ErrNoReply) && !errors.Is(err, control.ErrUnreachable):
		f.State, f.Problem = StateError, err.Error()
	default:
		f.State, f.PID = StateUnresponsive, holderOf(c.lock).PID
		f.Problem = fmt.Sprintf("it accepts connections and does not answer within %s", d.Wait)
		if c.path == "" {
			f.PID = listener(ctx, f.ControlPort)
			f.Problem += ": it is stuck, wants keys (--key), or is no server of this kind"
		}
	}
	return f
}

// lives tells whether the kernel knows somebody who listens there.
func lives(ctx context.Context, c candidate) bool {
	network, address := "unix", c.path
	if c.path == "" {
		network, address = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.control))
	}
	dialer := net.Dialer{Timeout: 500 * time.Millisecond}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		_ = conn.Close()
		return true
	}
	// A full backlog is somebody who does not accept.
	return c.path != "" && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOTSOCK) &&
		(errors.Is(err, syscall.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded))
}

// listener is the process that listens at a TCP port; 0 when it is not known,
// because it is another user's.
func listener(ctx context.Context, port int) int {
	all, err := psnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return 0
	}
	for _, c := range all {
		if c.Status == "LISTEN" && c.Laddr.Port == uint32(port) {
			return int(c.Pid)
		}
	}
	return 0
}

// introduce takes over what a server says about itself.
func (f *Found) introduce(p message.Pong) {
	f.Role, f.Server, f.Version, f.LogFile, f.Uptime = string(p.ServerRole), p.Server, p.Version, p.LogFilePath, p.Uptime
	f.Running, f.Queued, f.Workers = max(p.ActiveExecutions, len(p.RunningExecutions)), len(p.QueuedExecutions), len(p.Workers)
	f.endpoints = p.Endpoints
	if p.ProcessIdentity != nil {
		f.PID = p.ProcessIdentity.PID
	}
	switch {
	case !p.Ready:
		f.State = StateStarting
	case f.Running+f.Queued > 0:
		f.State = StateActive
	default:
		f.State = StateReady
	}
	if f.Role == "" {
		f.Role = string(enums.RoleGeneric)
	}
}

// merge lists each server once: one that is found at several places under the
// first of them, our own socket if it has one.
func merge(found []*Found) []Found {
	all := []Found{}
	for _, f := range found {
		if f != nil && !slices.ContainsFunc(all, func(o Found) bool { return o.same(*f) }) {
			all = append(all, *f)
		}
	}
	slices.SortStableFunc(all, func(a, b Found) int { return cmp.Compare(a.Port, b.Port) })
	return all
}

// same tells whether another place is one of this server's.
func (f Found) same(other Found) bool {
	if f.Port != other.Port {
		return false
	}
	if f.PID != 0 && f.PID == other.PID {
		return true
	}
	return slices.ContainsFunc(f.endpoints, func(endpoint string) bool {
		if other.Kind == "tcp" { // whatever address it is bound to
			return strings.HasPrefix(endpoint, "tcp://") && strings.HasSuffix(endpoint, ":"+strconv.Itoa(other.ControlPort))
		}
		return endpoint == other.Endpoint
	})
}
