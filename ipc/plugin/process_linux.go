package plugin

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a worker's process: our child, or one taken over. Everything that
// signals it goes through here, because here it is known whether its number is
// still its own.
type process struct {
	pid   int
	child bool
	pidfd *os.File // nil on kernels before 5.3
	// spawnerPeak is our own peak resident size at the fork, in bytes.
	spawnerPeak int64
	kill        func(pid int, signal syscall.Signal) error

	mu     sync.Mutex
	reaped bool
	closed bool
}

// spawn starts the command in a session (and so a process group) of its own,
// with standard input closed to it.
func spawn(c command) (*process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	var self unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &self); err != nil {
		return nil, fmt.Errorf("read own resource use: %w", err)
	}
	pidfd := -1
	pid, err := syscall.ForkExec(c.image, append([]string{c.path}, c.args...), &syscall.ProcAttr{
		Dir:   "/",
		Env:   c.env,
		Files: []uintptr{null.Fd(), c.stdout.Fd(), c.stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	return &process{pid: pid, child: true, pidfd: pollable(pidfd), spawnerPeak: self.Maxrss << 10, kill: c.kill}, nil
}

// adopt opens the record's process if it still is that process.
func adopt(record Record, kill func(int, syscall.Signal) error) (*process, error) {
	fd, err := unix.PidfdOpen(record.Pid, 0)
	if err != nil && !errors.Is(err, unix.ENOSYS) {
		return nil, fmt.Errorf("%w: no process %d", ErrNotRunning, record.Pid)
	}
	p := &process{pid: record.Pid, kill: kill}
	if err == nil {
		p.pidfd = pollable(fd)
	}
	// Compared after opening: from here on the descriptor means this process.
	if err := record.Alive(); err != nil {
		p.close()
		return nil, err
	}
	p.child = isChild(record.Pid) // of this very server, that detached it
	return p, nil
}

// pollable hands the descriptor to Go's poller, so that waiting costs no thread.
func pollable(pidfd int) *os.File {
	if pidfd < 0 {
		return nil
	}
	_ = unix.SetNonblock(pidfd, true)
	return os.NewFile(uintptr(pidfd), "pidfd")
}

// wait returns when the process has ended, or with an error after close. What
// is left of the group is killed before the leader is reaped: until then the
// number cannot be given to anyone else.
func (p *process) wait() (Exit, error) {
	if err := p.awaitEnd(); err != nil {
		return Exit{}, err
	}
	exit := Exit{At: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	if !p.child {
		return exit, nil
	}
	_ = p.kill(-p.pid, syscall.SIGKILL)
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return exit, nil // someone else reaped it: the end is all we know
		}
		break
	}
	exit.Known, exit.Code = true, status.ExitStatus()
	if status.Signaled() {
		exit.Signal = status.Signal()
	}
	exit.UserCPU = time.Duration(usage.Utime.Nano())
	exit.SystemCPU = time.Duration(usage.Stime.Nano())
	if peak := usage.Maxrss << 10; peak > p.spawnerPeak {
		exit.PeakResident = peak
	}
	return exit, nil
}

func (p *process) awaitEnd() error {
	if p.pidfd != nil {
		raw, err := p.pidfd.SyscallConn()
		if err == nil {
			err = raw.Read(func(fd uintptr) bool { return readable(int(fd)) })
		}
		if err == nil || p.isClosed() {
			return err
		}
	}
	if p.child {
		for {
			err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if err != unix.EINTR {
				return err
			}
		}
	}
	// An old kernel has no event for a process that is not our child.
	start, _, err := StartTime(p.pid)
	for err == nil && !p.isClosed() {
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // there is no event to wait for
		now, zombie, gone := StartTime(p.pid)
		if gone != nil || zombie || now != start {
			return nil //nolint:nilerr // that it cannot be found is what was waited for
		}
	}
	if p.isClosed() {
		return os.ErrClosed
	}
	return nil
}

func (p *process) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func readable(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(set, 0)
	return n > 0
}

// signal reaches the whole group while its leader lives, and nobody after.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	if !p.child && p.pidfd != nil {
		ended := false
		raw, err := p.pidfd.SyscallConn()
		if err != nil {
			return os.ErrProcessDone
		}
		if err := raw.Control(func(fd uintptr) { ended = readable(int(fd)) }); err != nil || ended {
			return os.ErrProcessDone
		}
	}
	if err := p.kill(-p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process group %d: %w", SignalName(s), p.pid, err)
	}
	return nil
}

// close ends a wait that is under way. The process is left as it is.
func (p *process) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.pidfd != nil {
		_ = p.pidfd.Close()
	}
}
