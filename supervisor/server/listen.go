package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

func (s *Server) listen(progressPath string) error {
	o := s.options
	var control, data []loop.Endpoint
	bindIPC := func(path func(port int) string) {
		control = append(control, loop.Endpoint{Address: place.Endpoint(path(o.Control)), Replace: true})
		data = append(data, loop.Endpoint{Address: place.Endpoint(path(o.Port)), Replace: true})
	}
	for _, t := range o.Transports {
		switch t {
		case enums.TransportIPC:
			bindIPC(o.Places.Socket)
			if o.OpenHCS {
				release := s.bindOpenHCS(bindIPC)
				defer release()
			}
		case enums.TransportTCP:
			control = append(control, loop.Endpoint{Address: "tcp://" + net.JoinHostPort(o.Host, strconv.Itoa(o.Control))})
			data = append(data, loop.Endpoint{Address: "tcp://" + net.JoinHostPort(o.Host, strconv.Itoa(o.Port))})
			if o.Curve == "" {
				s.log.Warn("listening on TCP without keys: every user of this machine can connect; --curve asks for keys", "host", o.Host)
			}
		}
	}
	var curve *loop.Curve
	if o.Curve != "" {
		curve = &loop.Curve{SecretKey: o.Curve, Allowed: o.CurvePeers}
	}
	var err error
	s.loop, err = loop.Listen(loop.Options{
		Control: control, Data: data, Progress: loop.Endpoint{Address: place.Endpoint(progressPath), Replace: true},
		OnRequest:   s.received,
		OnProgress:  s.progressed,
		OnSubscribe: func([]byte) { s.replays.ask() },
		// Room for a replay of everything beside what is new.
		PublishQueue: 2 * mostReplayed,
		Curve:        curve, Logger: s.log,
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: %w; choose another --port", ErrTaken, err)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// bindOpenHCS adds OpenHCS's IPC paths when nothing lives there. Its own servers
// hold no lock for as long as they live, so a socket that is there is left alone
// unless the kernel knows nobody behind it; but who starts one holds a lock
// meanwhile, as we do until the returned function is called.
func (s *Server) bindOpenHCS(bind func(path func(port int) string)) (release func()) {
	release = func() {}
	path := func(port int) string {
		return filepath.Join(s.options.Home, ".openhcs", "ipc", fmt.Sprintf("openhcs-zmq-%d.sock", port))
	}
	if err := os.MkdirAll(filepath.Dir(path(0)), 0o700); err != nil {
		s.log.Warn("OpenHCS's path cannot be made", "error", err)
		return release
	}
	lock, err := result.TryLock(path(s.options.Port)+".startup.lock", fmt.Sprintf("process %d", os.Getpid()))
	if err != nil {
		s.log.Warn("another server is being started at OpenHCS's path; it is left alone", "error", err)
		return release
	}
	release = func() { _ = lock.Release() }
	for _, port := range []int{s.options.Port, s.options.Control} {
		if alive(path(port)) {
			s.log.Warn("another server lives at OpenHCS's path; it is left alone", "path", path(port))
			return release
		}
	}
	bind(path)
	return release
}
