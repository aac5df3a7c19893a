package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v3/process"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// ownIdentity tells this process from a later one with the same number.
func ownIdentity() (*message.ProcessIdentity, error) {
	self := process.Process{Pid: int32(os.Getpid())}
	created, err := self.CreateTime()
	if err != nil {
		return nil, fmt.Errorf("look at own process: %w", err)
	}
	return &message.ProcessIdentity{PID: os.Getpid(), CreateTime: float64(created) / 1e3}, nil
}

// alive tells whether somebody listens at a socket's path. A silent listener
// counts: only a path whose kernel socket is gone is free.
func alive(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return true
	}
	_, statErr := os.Stat(path)
	return statErr == nil && !errors.Is(err, syscall.ECONNREFUSED)
}
