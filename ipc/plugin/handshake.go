package plugin

import (
	"context"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin/workerpb"
)

// ProtocolVersion is bumped when workerpb changes in a way that old workers or
// servers cannot live with. What types and functions a worker knows is compared
// by fingerprint instead.
const ProtocolVersion = 1

// DefaultOrphanGrace is how long a worker goes on computing without its server:
// long enough for a server that is restarted or updated, and not so long that a
// machine computes through the night for nobody.
const DefaultOrphanGrace = 10 * time.Minute

// Names in a worker's environment.
const (
	// EnvMarker carries the mark by which a worker's descendants are found,
	// also after a restart of the server: it is inherited by all of them.
	EnvMarker = "WELLHOUSE_ATTEMPT"
	// EnvOrphanGrace is how long a working worker goes on without its server,
	// as a Go duration.
	EnvOrphanGrace = "WELLHOUSE_ORPHAN_GRACE"

	cookieKey   = "WELLHOUSE_WORKER"
	cookieValue = "one-process-per-well"
	pluginName  = "worker"
)

func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   cookieKey,
		MagicCookieValue: cookieValue,
	}
}

// service ties workerpb.Worker to go-plugin; server is nil in the host.
type service struct {
	goplugin.NetRPCUnsupportedPlugin
	server workerpb.WorkerServer
}

func (s *service) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	workerpb.RegisterWorkerServer(g, s.server)
	return nil
}

// GRPCClient is for go-plugin's own connection, which is not used: see socket.
func (s *service) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return workerpb.NewWorkerClient(conn), nil
}
