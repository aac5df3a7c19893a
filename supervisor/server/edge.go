package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// edge carries out what the engine decides: it is where plates, pipelines,
// processes and results meet. It holds one job per execution that has not ended.
type edge struct {
	names     *registry.Registry
	catalogue *function.Catalogue
	global    []config.Layer // the server's own configuration file
	allow     allow
	version   string
	workers   int // wells at once

	processes    *process.Runner
	progressPath string // of the socket for workers' progress
	board        *board
	logs         *logs
	log          *slog.Logger
	now          func() time.Time
	released     func(engine.Key)
	sample       func() // tells the engine what memory is free
	spares       *spareKeeper

	jobs    jobs
	known   func(ctx context.Context, id string) (engine.Execution, bool, error) // also those that have ended
	closing sync.WaitGroup
}

// logs opens the logs of executions.
type logs struct {
	dir   logfile.Dir
	level slog.Leveler
}

// executionLog is an execution's log file with a logger onto it.
type executionLog struct {
	*logfile.Execution
	logger *slog.Logger
}

func (l *executionLog) Logger() *slog.Logger { return l.logger }

func (l *logs) execution(id, plate string) (*executionLog, error) {
	file, err := l.dir.OpenExecution(id, plate)
	if err != nil {
		return nil, err
	}
	return &executionLog{file, slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: l.level}))}, nil
}

// Publish shows a change to the clients and, for an execution that has ended,
// gives up what is held for it.
func (e *edge) Publish(c engine.Change) {
	e.board.fromEngine(c)
	e.spares.look()
	if c.Well != nil {
		return
	}
	log := e.log.With("execution", c.Execution.ID, "plate", c.Execution.Plate)
	log.Info("execution", "phase", c.Phase, "status", c.Status, "message", c.Message)
	if !c.Execution.Status.Final() {
		return
	}
	e.closing.Go(func() { // closing flushes files: not on the engine's time
		if err := e.jobs.drop(c.Execution.ID); err != nil {
			log.Error("closing an execution's files", "error", err)
		}
	})
}
