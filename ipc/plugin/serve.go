package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// Exit codes of a worker process that ends by itself.
const (
	ExitDone     = 0  // the task is done
	ExitUsage    = 2  // not started by a server
	ExitOrphaned = 94 // gave up its task because its server did not come back
	ExitIdle     = 95 // told to end, or left alone, before it had a task
)

// maxMessage bounds a task or description, in bytes.
const maxMessage = 256 << 20

// A connection carries a handful of small messages, between processes that may be
// hundreds: small buffers, and a fixed window, without which gRPC would send pings
// along with the first messages to find out about the bandwidth of a socket file.
const (
	buffer = 4 << 10
	window = 1 << 20
)

// ServeOptions tune [Serve]; the zero value is right for production.
type ServeOptions struct {
	Logger *slog.Logger // default: none
	// HelloTimeout bounds the wait for the server's first connection. Default 1 min.
	HelloTimeout time.Duration
	// OrphanGrace is how long a task goes on without a server. Default: the
	// environment's WELLHOUSE_ORPHAN_GRACE, else [DefaultOrphanGrace].
	OrphanGrace time.Duration
	// Linger bounds the wait for the server to fetch the reply. Default 30 s.
	Linger time.Duration
}

func (o ServeOptions) withDefaults() ServeOptions {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.HelloTimeout <= 0 {
		o.HelloTimeout = time.Minute
	}
	if o.OrphanGrace <= 0 {
		if d, err := time.ParseDuration(os.Getenv(EnvOrphanGrace)); err == nil && d > 0 {
			o.OrphanGrace = d
		} else {
			o.OrphanGrace = DefaultOrphanGrace
		}
	}
	if o.Linger <= 0 {
		o.Linger = 30 * time.Second
	}
	return o
}

// Serve is the life of a worker process: it says hello to the server that
// started it, runs the one task it is given, and returns the exit code when the
// process has no purpose any more. A panic of the implementation is not
// recovered: it is to end the process, with its trace in the log.
//
// Loggers must write to the os.Stderr of before the call: that is the worker's
// log file, and go-plugin points the variable elsewhere for a moment.
func Serve(implementation Implementation, options ServeOptions) int {
	if os.Getenv(cookieKey) != cookieValue {
		fmt.Fprintln(os.Stderr, "this is the worker of a Wellhouse server, which starts it by itself; to run a plate: supervisor run PLATE --pipeline FILE")
		return ExitUsage
	}
	options = options.withDefaults()
	takeName()
	marker := os.Getenv(EnvMarker) // before the task has the environment
	// Whoever reads our output may go away at any time: that must be an error
	// of a write, not the end of the process.
	signal.Ignore(syscall.SIGPIPE)

	session := newSession(implementation, options)
	defer session.close()

	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	defer signal.Stop(terminate)
	go func() {
		for range terminate {
			session.stop("SIGTERM")
		}
	}()

	connections := &connections{session: session, stdout: os.Stdout, stderr: os.Stderr, log: options.Logger}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         goplugin.PluginSet{pluginName: &service{server: session}},
		Logger:          hclog.NewNullLogger(),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			o = append(o, grpc.MaxRecvMsgSize(maxMessage), grpc.StatsHandler(connections),
				grpc.UnaryInterceptor(refuseShutdown), grpc.ReadBufferSize(buffer), grpc.WriteBufferSize(buffer),
				grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window))
			server := grpc.NewServer(o...)
			session.onEnd(server.Stop)
			return server
		},
	})
	if session.abandoned() {
		sweepAlone(marker, options.Logger)
	}
	return session.exitCode()
}

// sweepPatience is how long a worker waits for the end of what its task left.
const sweepPatience = 5 * time.Second

// sweepAlone is the last act of a worker without a server: what its task started
// goes with it, since nobody else may ever come to end that.
func sweepAlone(marker string, log *slog.Logger) {
	BecomeReaper() // for what the processes that end now leave in their turn
	if !(Remains{Leader: os.Getpid(), Marker: marker, Everywhere: true, Patience: sweepPatience}).End() {
		log.Warn("processes of the task do not end")
	}
}

// refuseShutdown turns down go-plugin's own Shutdown, which ends the process
// whatever it is doing: a server that lets go of its client (to hand the worker
// on to its successor) sends it as well. Ours is Worker.Stop.
func refuseShutdown(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if info.FullMethod == "/plugin.GRPCController/Shutdown" {
		return nil, status.Error(codes.PermissionDenied, "a worker is ended by Worker.Stop")
	}
	return handler(ctx, request)
}

// connections watches who is connected: it finishes the handshake with the
// first connection and tells the session when the server is gone.
type connections struct {
	session        *session
	stdout, stderr *os.File
	log            *slog.Logger
	first          sync.Once
}

func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (c *connections) HandleRPC(context.Context, stats.RPCStats)                         {}

func (c *connections) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		c.first.Do(c.handshaken)
		c.session.connected()
	case *stats.ConnEnd:
		c.session.disconnected()
	}
}

// handshaken runs when the server has read the handshake line: from here on
// nothing needs its pipe. Standard output goes to the log, and the variables
// that go-plugin pointed at pipes of its own (which block after 64 KiB when
// nobody is attached) go back.
func (c *connections) handshaken() {
	os.Stdout, os.Stderr = c.stdout, c.stderr
	if err := redirect(c.stderr, c.stdout); err != nil {
		c.log.Warn("point standard output to the log", "error", err)
	}
}

// logTo makes standard output and standard error append to the file from now on.
func logTo(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { _ = file.Close() }()
	for _, standard := range []*os.File{os.Stderr, os.Stdout} {
		if err := redirect(file, standard); err != nil {
			return fmt.Errorf("redirect output to log: %w", err)
		}
	}
	return nil
}
