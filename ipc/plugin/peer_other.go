//go:build !linux

package plugin

import (
	"errors"
	"net"
)

func peerPid(net.Conn) (int, error) { return 0, errors.ErrUnsupported }
