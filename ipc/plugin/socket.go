package plugin

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// socket is where a worker listens.
type socket struct {
	path string
	pid  int
}

// connect returns a connection that dials when it is first used. It is ours and
// not go-plugin's, whose dial has no deadline: a stopped worker would hold it.
func (s socket) connect() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///worker",
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a private directory, and the peer is checked
		grpc.WithContextDialer(s.dial),
		// A worker takes the end of the connection for the end of its server.
		grpc.WithIdleTimeout(0),
		grpc.WithReadBufferSize(buffer), grpc.WithWriteBufferSize(buffer),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		// There is one server behind the connection and nobody to configure it.
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithDisableHealthCheck(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
	)
}

// dial makes sure that the process that listens is the one meant: a path
// outlives its process.
func (s socket) dial(ctx context.Context, _ string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", s.path)
	if err != nil {
		return nil, err
	}
	// Where the system cannot tell, or does from another name space (0), the
	// private directory and Identify must do.
	if listener, err := peerPid(conn); err == nil && listener != 0 && listener != s.pid {
		_ = conn.Close()
		return nil, fmt.Errorf("socket %s belongs to process %d, not to worker %d", s.path, listener, s.pid)
	}
	return conn, nil
}
