package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/supervisor/server"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

const (
	serverLogLimit = 10 << 20 // bytes
	serverLogKeep  = 5
)

// serveFlags are the flags of serve.
type serveFlags struct {
	connection
	transport  string
	listen     string
	openHCS    bool
	curve      bool
	workers    int
	spares     int
	allow      []string
	persistent bool
	drain      time.Duration
	config     string
	logLevel   string
	readyFD    int
	keep       time.Duration
	// worker is another build of the worker, which must speak the same types.
	worker       string
	startTimeout time.Duration
}

func (a *app) serveCommand() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Run the execution server",
		GroupID: "server",
		Long: `serve runs the execution server until it is told to stop.

Only this user can connect, through sockets in a private directory. --transport
tcp adds a TCP port on loopback, which every user of this machine can use unless
--curve asks for keys; any other --host needs --curve.

SIGTERM and Ctrl-C stop it: running wells get --drain to finish, the rest goes
back to the queue and is taken up by the next server on the same data.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), f) },
	}
	f.placeFlags(c)
	fl := c.Flags()
	fl.StringVar(&f.transport, "transport", "ipc", "how clients connect: ipc, tcp or ipc,tcp")
	fl.StringVar(&f.listen, "host", "127.0.0.1", "address for TCP")
	fl.BoolVar(&f.openHCS, "openhcs", false, "also answer at OpenHCS's own socket paths, when nothing lives there")
	fl.BoolVar(&f.curve, "curve", false, "require keys over TCP ('supervisor keys')")
	fl.IntVar(&f.workers, "workers", 0, "wells at once (default: the number of cores)")
	fl.IntVar(&f.spares, "spares", -1, "workers started ahead of their task (default: up to --workers while wells are short)")
	fl.Lookup("spares").DefValue = "0" // help hides it: -1 means nothing to a reader
	fl.StringArrayVar(&f.allow, "allow", nil, "folder that clients may read plates from and write results to; may be repeated (default: all)")
	fl.BoolVar(&f.persistent, "persistent", true, "stay when the last client and execution have gone")
	fl.DurationVar(&f.drain, "drain", 10*time.Second, "how long running wells may take to finish when the server is stopped")
	fl.StringVar(&f.config, "config", "", "configuration file for all executions")
	fl.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fl.DurationVar(&f.keep, "keep-history", 90*24*time.Hour, "how long ended executions and their logs are remembered")
	fl.IntVar(&f.readyFD, "ready-fd", -1, "descriptor to write a line to when ready")
	fl.StringVar(&f.worker, "worker-binary", "", "worker program, called with the argument worker (default: this one)")
	fl.DurationVar(&f.startTimeout, "start-timeout", 0, "how long a worker may take to say hello (default 30s)")
	for _, name := range []string{"ready-fd", "worker-binary", "start-timeout"} {
		_ = fl.MarkHidden(name)
	}
	return c
}

func (a *app) serve(ctx context.Context, f *serveFlags) (err error) {
	o, err := a.serverOptions(f)
	if err != nil {
		return err
	}
	if err := o.Places.Make(); err != nil {
		return usage(err)
	}
	o.LogPath = logfile.Dir(o.Places.Logs()).ServerPath(o.Port)
	log, err := logfile.OpenRotating(o.LogPath, serverLogLimit, serverLogKeep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: o.LogLevel}))
	serverKey := ""
	if f.curve {
		keys, err := makeKeys(o.Places)
		if err != nil {
			return err
		}
		o.Curve, serverKey = keys.Secret, keys.Public
		for _, key := range keys.Clients {
			o.CurvePeers = append(o.CurvePeers, key)
		}
	}
	inFile := o.CurvePeers // those that the file may revoke, unlike the watchdog's own
	watchdog, err := a.newWatchdog(&o, serverKey)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once; its workers go on for the next server
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	s, err := server.New(o)
	if errors.Is(err, server.ErrTaken) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	if f.curve {
		go watchKeys(ctx, o.Places, s, inFile, o.Logger)
	}
	watched, unwatch := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer unwatch()
	group.Go(func() {
		select {
		case <-s.Ending(): // whoever asked for it
			notifySystemd(a.getenv, stopping(o.Drain))
		case <-watched.Done():
		}
	})
	return s.Run(ctx, func() {
		a.announce(s, o, f.readyFD)
		if watchdog != nil {
			watchdog.endpoint = s.Endpoints()[0]
			group.Go(func() { watchdog.run(watched) })
		}
	})
}

func (a *app) serverOptions(f *serveFlags) (server.Options, error) {
	if err := f.check(); err != nil {
		return server.Options{}, err
	}
	places, err := a.places(&f.connection)
	if err != nil {
		return server.Options{}, err
	}
	o := server.Options{
		Places: places, Port: f.port, Control: f.control, Host: f.listen, OpenHCS: f.openHCS, Home: a.getenv("HOME"),
		Workers: f.workers, Spares: f.spares, Allow: f.allow, Persistent: f.persistent, Drain: f.drain,
		KeepHistory: f.keep, Catalogue: a.catalogue(), Binary: f.worker, StartTimeout: f.startTimeout, Version: Version(),
	}
	for name := range strings.SplitSeq(f.transport, ",") {
		t, err := enums.ParseTransport(strings.TrimSpace(name))
		if err != nil {
			return o, usagef("--transport: %w", err)
		}
		o.Transports = append(o.Transports, t)
	}
	if f.listen != "127.0.0.1" && f.listen != "localhost" && f.listen != "::1" && !f.curve {
		return o, usagef("--host %s lets other machines in: it needs --curve, so that only clients with keys can connect (see `supervisor keys`)", f.listen)
	}
	level, err := enums.ParseLogLevel(f.logLevel)
	if err != nil {
		return o, usagef("--log-level: %w", err)
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return o, fmt.Errorf("parse log level: %w", err)
	}
	o.LogLevel = l
	if f.config != "" {
		text, err := os.ReadFile(f.config)
		if err != nil {
			return o, usagef("read configuration: %w", err)
		}
		layer, err := config.Parse(f.config, text)
		if err != nil {
			return o, usage(err)
		}
		o.Global = append(o.Global, layer)
		settings, err := config.Resolve(layer)
		if err != nil {
			return o, usage(err)
		}
		if o.Workers == 0 {
			o.Workers = settings.Global().Workers
		}
	}
	// What tests set for the whole command holds for its workers too.
	for _, name := range []string{function.FaultsVariable, "GORACE"} {
		if value := a.getenv(name); value != "" {
			o.WorkerEnv = append(o.WorkerEnv, name+"="+value)
		}
	}
	return o, nil
}

// announce tells whoever started the server that it answers.
func (a *app) announce(s *server.Server, o server.Options, fd int) {
	if fd >= 0 {
		says := os.NewFile(uintptr(fd), "ready")
		_, _ = io.WriteString(says, "ready\n") // nobody may be listening any more
		_ = says.Close()
	}
	notifySystemd(a.getenv, "READY=1")
	fmt.Fprintf(a.errs, "Serving on port %d (%s). Log: %s\n", o.Port, strings.Join(s.Endpoints(), ", "), o.LogPath)
}
