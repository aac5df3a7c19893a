package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Server is an execution server. New takes its locks and binds its sockets;
// Run serves until it is told to end.
type Server struct {
	options  Options
	log      *slog.Logger
	now      func() time.Time
	started  time.Time
	identity *message.ProcessIdentity

	locks   []*result.Lock
	store   *store.Store
	journal journal
	loop    *loop.Loop
	engine  *engine.Engine
	edge    *edge
	board   *board
	logs    *logs

	processes *process.Runner
	sampler   *sampler
	replays   *replays
	spares    *spareKeeper
	clients   *clients
	lifetime  *lifetime
	ready     atomic.Bool
	requests  requests
	accepting singleflight.Group // submissions being taken, by the id that the client chose
	decoding  chan struct{}      // a token per large message being decoded
	context   context.Context    // of request handlers; ends with Run
}

// ErrTaken is returned by New when another server holds the port or the data
// directory.
var ErrTaken = errors.New("another server is there")

// New prepares a server. Everything it took is given back when it fails.
func New(o Options) (_ *Server, err error) {
	o = o.withDefaults()
	s := &Server{options: o, log: o.Logger, now: o.Now, started: o.Now(), context: context.Background(),
		decoding: make(chan struct{}, runtime.NumCPU())}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := o.Places.Make(); err != nil {
		return nil, err
	}
	if err := s.lock(); err != nil {
		return nil, err
	}
	if err := s.lookForOthers(); err != nil {
		return nil, err
	}
	if err := s.openStore(); err != nil {
		return nil, err
	}
	names, err := worker.Vocabulary(o.Catalogue)
	if err != nil {
		return nil, fmt.Errorf("register types: %w", err)
	}
	allow, err := newAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	if s.identity, err = ownIdentity(); err != nil {
		return nil, err
	}
	s.logs = &logs{dir: logfile.Dir(o.Places.Logs()), level: o.LogLevel}
	s.clients = newClients(o.Now)
	s.lifetime = newLifetime(o.Persistent, s.deserted)
	s.board = newBoard(o.Now, s.publish)
	s.replays = newReplays(s.board.replay)
	s.processes, err = process.NewRunner(process.Options{
		Binary: o.Binary, StartTimeout: o.StartTimeout, Args: []string{"worker"}, Env: append(o.WorkerEnv, failpoint.WorkerEnv()...), RunDir: o.Places.Workers(),
		Description: names.Description(), Fingerprint: names.Fingerprint(), Logger: o.Logger,
		Kill: failpoint.Kill(),
	})
	if err != nil {
		return nil, err
	}
	progressPath := filepath.Join(o.Places.Workers(), "progress.sock")
	s.spares = newSpareKeeper(o.Spares, o.Workers, func() int { return s.engine.Waiting() }, s.processes.SetSpares)
	s.edge = &edge{
		names: names, catalogue: o.Catalogue, global: o.Global, allow: allow, version: o.Version, workers: o.Workers,
		processes: s.processes, progressPath: progressPath, board: s.board, logs: s.logs,
		log: o.Logger, now: o.Now, released: func(k engine.Key) { s.engine.Release(k) },
		spares: s.spares,
		jobs:   jobs{all: map[string]*job{}, ended: map[string]bool{}},
		known: func(ctx context.Context, id string) (engine.Execution, bool, error) {
			x, _, ok, err := s.byID(ctx, id)
			return x, ok, err
		},
	}
	s.engine = engine.New(engine.Options{
		Config: engine.Config{Workers: o.Workers, Cores: runtime.NumCPU(), ReserveMemory: reserveMemory},
		Edge:   s.edge, Journal: s.journal, Logger: o.Logger, Now: o.Now,
	})
	s.sampler = newSampler(s)
	s.edge.sample = s.sampler.look
	if err := s.listen(progressPath); err != nil {
		return nil, err
	}
	return s, nil
}

// reserveMemory is left to everything that is not a well, in bytes.
const reserveMemory = 256 << 20

// lock takes the locks of data directory and port before anything is bound: an
// IPC bind would silently steal the sockets of a server that lives.
func (s *Server) lock() error {
	// Clients read this: it tells them of servers that do not answer, and of chosen control ports.
	holder := fmt.Sprintf("process %d, port %d, control port %d, data directory %s", os.Getpid(), s.options.Port, s.options.Control, s.options.Places.State)
	for _, l := range []struct{ path, what string }{
		{s.options.Places.Lock(), "the data directory " + s.options.Places.State},
		{s.options.Places.PortLock(s.options.Port), fmt.Sprintf("port %d", s.options.Port)},
	} {
		lock, err := result.TryLock(l.path, holder)
		if errors.Is(err, result.ErrLocked) {
			return fmt.Errorf("%w: %s is taken: %w; use it (`supervisor servers`), end it (`supervisor shutdown --force`), or choose another --port and --data-dir",
				ErrTaken, l.what, err)
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.what, err)
		}
		s.locks = append(s.locks, lock)
	}
	return nil
}

// lookForOthers refuses to take a socket's path from somebody who listens there
// without our locks: it is none of ours, and an IPC bind would silently replace it.
func (s *Server) lookForOthers() error {
	for _, port := range []int{s.options.Port, s.options.Control} {
		if path := s.options.Places.Socket(port); alive(path) {
			return fmt.Errorf("%w: something that is not a Wellhouse server listens at %s and is left alone; end it, or choose another --port", ErrTaken, path)
		}
	}
	return nil
}

// received is called by the socket loop, which must not wait.
func (s *Server) received(request loop.Request) {
	if !s.requests.start(func() { s.answer(s.context, request) }) {
		s.loop.Reply(request, message.Refusal(request.Payload, "the server has stopped"))
	}
}

// deserted tells whether nothing runs and nobody is there. If so nobody is let
// in any more, so that no work is accepted and then left.
func (s *Server) deserted() bool { return s.engine.Idle() && s.clients.close() && s.engine.Idle() }

func (s *Server) progressed(event *progress.Event) {
	s.processes.Progress(event.GetExecution(), event.GetWell(), int(event.GetAttempt()), event.GetStep())
	s.board.fromWorker(event)
}

func (s *Server) publish(event *progress.Event) {
	frame, err := event.JSON()
	if err != nil {
		s.log.Error("an event cannot be written", "error", err)
		return
	}
	s.loop.Publish(frame)
}

// Endpoints returns the addresses the server is bound to, control first.
func (s *Server) Endpoints() []string { return s.endpoints() }

// Run serves until ctx ends, a client asks the server to end, or it is not
// persistent and has nothing left to do. Running wells then get the time that
// Options.Drain gives, and what is left of them goes back to the queue.
// announce is called once the server answers.
func (s *Server) Run(ctx context.Context, announce func()) (err error) {
	defer func() {
		if errors.Is(err, errHangs) {
			err = errors.Join(err, s.makeWay())
			return
		}
		err = errors.Join(err, s.release())
	}()
	all, cancelAll := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelAll()
	work, cancelWork := context.WithCancel(all)
	defer cancelWork()
	s.context = work

	if err := s.restore(work); err != nil {
		return err
	}
	var group sync.WaitGroup
	failures := make(chan error, 3)
	run := func(what string, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				failures <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	run("socket loop", func() error { return s.loop.Run(all) })
	run("engine", func() error { return s.engine.Run(work) })
	run("sampler", func() error { s.sampler.run(work); return nil })
	group.Go(func() { s.lifetime.watch(work) })
	group.Go(func() { s.spares.run(work) })
	group.Go(func() { s.replays.run(work) })
	group.Go(func() { s.prune(work) })
	s.ready.Store(true)
	s.log.Info("server is ready", "port", s.options.Port, "workers", s.options.Workers, "data", s.options.Places.State, "pid", os.Getpid())
	if announce != nil {
		announce()
	}
	select {
	case <-ctx.Done():
		s.log.Info("the server was asked to stop", "drain", s.options.Drain)
		s.lifetime.end("it was stopped")
		s.drain(work)
	case <-s.lifetime.asked:
		s.log.Info("the server ends", "cause", s.lifetime.cause)
		s.drainCancelled(work)
	case err = <-failures:
		s.log.Error("the server cannot go on", "error", err)
		s.lifetime.end("it failed")
	}
	s.ready.Store(false)
	cancelWork()
	ended := make(chan struct{})
	go func() { // outlives Run only when something hangs, and the process ends then
		defer close(ended)
		s.requests.finish()
		cancelAll()
		group.Wait()
		s.edge.closing.Wait()
	}()
	select {
	case <-ended:
		return err
	case <-time.After(killWait):
		s.log.Error("something does not end, as on a share that hangs; the next server takes up what it held", "stacks", stacks())
		return errors.Join(err, errHangs)
	}
}

// restore hands the engine what an earlier server left.
func (s *Server) restore(ctx context.Context) error {
	open := false
	executions, wells, err := s.journal.load(ctx, store.Filter{Final: &open})
	if err != nil {
		return err
	}
	sequence, err := s.journal.sequence(ctx)
	if err != nil {
		return err
	}
	if len(executions) > 0 {
		s.log.Info("taking up what an earlier server left", "executions", len(executions), "wells", len(wells))
	}
	var live []process.Record
	for i := range wells {
		a := wells[i].Last()
		if a == nil || !a.Ended.IsZero() || len(a.Process) == 0 {
			continue
		}
		var record process.Record
		if err := json.Unmarshal(a.Process, &record); err == nil {
			live = append(live, record)
		}
	}
	if err := s.processes.Sweep(live); err != nil {
		s.log.Warn("not everything an earlier server left could be removed", "error", err)
	}
	s.board.restore(executions, wells)
	s.engine.Restore(sequence, executions, wells)
	return nil
}

// prune forgets old executions at the start and then once an hour.
func (s *Server) prune(ctx context.Context) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		ids, err := s.store.Prune(ctx, s.options.KeepHistory, s.options.KeepBytes)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("old records stay", "error", err)
		}
		if len(ids) > 0 {
			s.log.Info("old executions were forgotten", "executions", len(ids))
		}
		if err := s.logs.dir.Prune(s.now().Add(-s.options.KeepHistory)); err != nil {
			s.log.Warn("old logs stay", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
