package loop

import (
	"fmt"
	"slices"
	"strings"
	"time"

	zmq "github.com/pebbe/zmq4"
	"golang.org/x/sys/unix"
)

// crowd bounds the connections that are open. libzmq does not, and ends the
// whole process when it has no descriptor left for one more over IPC. Beyond
// the limit the oldest connection that may still be introducing itself goes, so
// that silent ones cannot keep others out, else the newest.
//
// It is told of connections by socket monitors, and ends one by shutting its
// descriptor down: libzmq then closes it.
type crowd struct {
	limit    int
	patience time.Duration // after it a connection that is open has introduced itself
	bound    []string      // paths and ports of ours
	monitors []*zmq.Socket
	open     map[int]time.Time // by descriptor, when it was accepted
	recent   []arrival         // in order of arrival; those that are gone are left out when seen
}

type arrival struct {
	descriptor int
	at         time.Time
}

// watch makes the crowd be told of a bound socket's connections.
func (c *crowd) watch(context *zmq.Context, socket *zmq.Socket, endpoints []string) error {
	address := fmt.Sprintf("inproc://connections-%d", len(c.monitors))
	if err := socket.Monitor(address, zmq.EVENT_ACCEPTED|zmq.EVENT_DISCONNECTED|zmq.EVENT_CLOSED); err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	monitor, err := context.NewSocket(zmq.PAIR)
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	c.monitors = append(c.monitors, monitor)
	if err := monitor.Connect(address); err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	for _, endpoint := range endpoints {
		if path, ok := strings.CutPrefix(endpoint, ipcPrefix); ok {
			c.bound = append(c.bound, path)
		} else {
			c.bound = append(c.bound, endpoint[strings.LastIndex(endpoint, ":")+1:])
		}
	}
	return nil
}

// look takes what a monitor tells, and returns how many connections it ended.
func (c *crowd) look(monitor *zmq.Socket) (ended int) {
	for range controlPerTurn {
		event, _, descriptor, err := monitor.RecvEvent(zmq.DONTWAIT)
		if err != nil {
			return ended
		}
		if event != zmq.EVENT_ACCEPTED {
			delete(c.open, descriptor)
			continue
		}
		now := time.Now()
		c.open[descriptor] = now
		for len(c.recent) > 0 && now.Sub(c.recent[0].at) > c.patience {
			c.recent = c.recent[1:]
		}
		c.recent = append(c.recent, arrival{descriptor, now})
		if len(c.open) > c.limit {
			c.end()
			ended++
		}
	}
	return ended
}

// end ends the oldest of those that are recent; the newest always is.
func (c *crowd) end() {
	for i, a := range c.recent {
		if at, ok := c.open[a.descriptor]; ok && at.Equal(a.at) {
			c.recent = slices.Delete(c.recent, 0, i+1)
			delete(c.open, a.descriptor)
			c.shut(a.descriptor)
			return
		}
	}
}

// shut shuts a connection down, if the descriptor still is one of ours: it may
// have been closed and used again meanwhile.
func (c *crowd) shut(descriptor int) {
	name, err := unix.Getsockname(descriptor)
	if err != nil {
		return
	}
	bound := ""
	switch address := name.(type) {
	case *unix.SockaddrUnix:
		bound = address.Name
	case *unix.SockaddrInet4:
		bound = fmt.Sprint(address.Port)
	case *unix.SockaddrInet6:
		bound = fmt.Sprint(address.Port)
	}
	if slices.Contains(c.bound, bound) {
		_ = unix.Shutdown(descriptor, unix.SHUT_RDWR)
	}
}

// mostConnections is enough for any number of people, and at most a quarter of
// the descriptors that this process may have: ending a connection takes a
// moment, in which others come.
func mostConnections() int {
	const most, least = 1024, 16
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return least
	}
	return int(min(most, max(least, limit.Cur/4))) //nolint:gosec // at most 1024
}
