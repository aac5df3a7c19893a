package loop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"
)

const (
	ipcPrefix = "ipc://"
	tcpPrefix = "tcp://"
	// maxPath is what fits sockaddr_un with its final zero.
	maxPath = 107
)

func (l *Loop) bindControl() (*zmq.Socket, []string, error) {
	return l.bind(zmq.ROUTER, l.options.Control, func(s *zmq.Socket) error {
		return errors.Join(
			s.SetSndhwm(controlMark),
			s.SetRcvhwm(controlMark),
			s.SetMaxmsgsize(l.options.MaxMessage),
			s.SetRouterMandatory(1), // tells us of clients that are gone
			s.SetLinger(l.options.ClosingLinger),
		)
	})
}

func (l *Loop) bindData() (*zmq.Socket, []string, error) {
	receives := func(s *zmq.Socket) error {
		return errors.Join(
			s.SetRcvhwm(controlMark),
			s.SetMaxmsgsize(l.options.MaxData),
			s.SetLinger(l.options.ClosingLinger),
		)
	}
	switch l.options.DataRole {
	case Receives:
		return l.bind(zmq.SUB, l.options.Data, func(s *zmq.Socket) error {
			return errors.Join(receives(s), s.SetSubscribe(""))
		})
	case Acknowledges:
		return l.bind(zmq.REP, l.options.Data, receives)
	case Publishes:
	default:
		return nil, nil, fmt.Errorf("%q is no role of a data socket", l.options.DataRole)
	}
	return l.bind(zmq.XPUB, l.options.Data, func(s *zmq.Socket) error {
		return errors.Join(
			s.SetSndhwm(publishMark),
			s.SetRcvhwm(controlMark),
			s.SetMaxmsgsize(maxSubscribe),
			s.SetXpubVerbose(1), // every subscription, also to what others have
			s.SetLinger(l.options.ClosingLinger),
		)
	})
}

func (l *Loop) bindProgress() (*zmq.Socket, error) {
	if !strings.HasPrefix(l.options.Progress.Address, ipcPrefix) {
		return nil, fmt.Errorf("%q: workers push over ipc:// only", l.options.Progress.Address)
	}
	socket, _, err := l.bind(zmq.PULL, []Endpoint{l.options.Progress}, func(s *zmq.Socket) error {
		return errors.Join(
			s.SetRcvhwm(progressMark),
			s.SetMaxmsgsize(maxProgress),
			s.SetLinger(0),
		)
	})
	return socket, err
}

// bind makes a socket and binds its IPC endpoints first: only then the
// options for TCP (keys, heartbeat) are set, which hold for later binds.
func (l *Loop) bind(kind zmq.Type, endpoints []Endpoint, setUp func(*zmq.Socket) error) (_ *zmq.Socket, bound []string, err error) {
	socket, err := l.context.NewSocket(kind)
	if err != nil {
		return nil, nil, fmt.Errorf("create %s socket: %w", kind, err)
	}
	defer func() {
		if err != nil {
			_ = socket.Close()
		}
	}()
	err = errors.Join(
		setUp(socket),
		socket.SetBacklog(l.options.Backlog),
		socket.SetHandshakeIvl(l.options.Handshake),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("set up %s socket: %w", kind, err)
	}
	for _, endpoint := range endpoints {
		if path, ok := strings.CutPrefix(endpoint.Address, ipcPrefix); ok {
			var file fs.FileInfo
			if file, err = bindIPC(socket, path, endpoint.Replace); err != nil {
				return nil, nil, err
			}
			l.files = append(l.files, socketFile{path, file})
			bound = append(bound, endpoint.Address)
		}
	}
	tcpReady := false
	for _, endpoint := range endpoints {
		if strings.HasPrefix(endpoint.Address, ipcPrefix) {
			continue
		}
		if !strings.HasPrefix(endpoint.Address, tcpPrefix) {
			return nil, nil, fmt.Errorf("bind %q: an address starts with ipc:// or tcp://", endpoint.Address)
		}
		if !tcpReady {
			if err = l.prepareTCP(socket, endpoints); err != nil {
				return nil, nil, err
			}
			tcpReady = true
		}
		if err = socket.Bind(endpoint.Address); err != nil {
			if zmq.AsErrno(err) == zmq.Errno(syscall.EADDRINUSE) {
				err = syscall.EADDRINUSE // as callers know it
			}
			return nil, nil, fmt.Errorf("bind %s: %w", endpoint.Address, err)
		}
		var address string
		if address, err = socket.GetLastEndpoint(); err != nil {
			return nil, nil, fmt.Errorf("bind %s: %w", endpoint.Address, err)
		}
		bound = append(bound, strings.TrimRight(address, "\x00"))
	}
	return socket, bound, nil
}

func (l *Loop) prepareTCP(socket *zmq.Socket, endpoints []Endpoint) error {
	err := errors.Join(
		socket.SetIpv6(slices.ContainsFunc(endpoints, func(e Endpoint) bool { return strings.HasPrefix(e.Address, tcpPrefix+"[") })),
		socket.SetHeartbeatIvl(l.options.HeartbeatTCP),
		socket.SetHeartbeatTimeout(3*l.options.HeartbeatTCP),
		socket.SetHeartbeatTtl((6 * l.options.HeartbeatTCP).Truncate(100*time.Millisecond)),
	)
	if l.options.Curve != nil {
		err = errors.Join(err,
			socket.SetZapDomain(zapDomain),
			socket.SetCurveServer(1),
			socket.SetCurveSecretkey(l.options.Curve.SecretKey),
		)
	}
	if err != nil {
		return fmt.Errorf("set up TCP: %w", err)
	}
	return nil
}

// socketFile is a path that the loop bound, and the file that it made there.
type socketFile struct {
	path string
	info fs.FileInfo
}

// remove takes the file away, which libzmq does not, unless another server
// has put its own there since.
func (f socketFile) remove() {
	if info, err := os.Lstat(f.path); err == nil && os.SameFile(info, f.info) {
		_ = os.Remove(f.path)
	}
}

// bindIPC binds a path. libzmq replaces whatever is there, so look first.
func bindIPC(socket *zmq.Socket, path string, replace bool) (fs.FileInfo, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("bind %s: the path has %d bytes, a socket's at most %d; use a shorter folder", path, len(path), maxPath)
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("bind %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("bind %s: something that is no socket lies there; move it away", path)
	case !replace:
		return nil, fmt.Errorf("bind %s: %w", path, fs.ErrExist)
	}
	if err := socket.Bind(ipcPrefix + path); err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	// The folder is private already; this is for those that are not.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	return info, nil
}
