package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// serverName is how the server introduces itself.
const serverName = "wellhouse"

func (s *Server) pong() message.Pong {
	running, queued := s.shortLists()
	usage := s.sampler.latest()
	p := message.Pong{
		Type: message.TypePong, Port: s.options.Port, ControlPort: s.options.Control,
		Ready: s.ready.Load() && s.admits(), Server: serverName, ServerRole: enums.RoleExecution,
		ServerType: "execution", LogFilePath: s.options.LogPath,
		ActiveExecutions: len(running), RunningExecutions: running, QueuedExecutions: queued,
		Workers: usage.workers, Uptime: s.now().Sub(s.started).Seconds(),
		ProgressSubscribers: s.clients.count(), ProcessIdentity: s.identity,
		Version: s.options.Version, Fingerprint: s.edge.names.Fingerprint(),
		Endpoints: s.endpoints(), Persistent: s.options.Persistent,
	}
	p.CompileStatus, p.CompileMessage = s.compileStatus()
	if usage.known {
		p.MemoryMB, p.CPUPercent = &usage.memoryMB, &usage.cpuPercent
	}
	return p
}

// compileStatus tells about the newest execution that is being checked, or was
// refused.
func (s *Server) compileStatus() (status, text string) {
	for _, x := range slices.Backward(s.engine.Executions()) {
		switch {
		case x.Stage == engine.StageCompiling:
			return "compiling", x.Plate
		case x.ErrorCode == "invalid_input":
			return "failed", x.Error
		case x.CompileOnly && x.Status == enums.ExecutionComplete:
			return "success", x.Plate
		}
	}
	return "", ""
}

func (s *Server) shortLists() (running []message.RunningExecution, queued []message.QueuedExecution) {
	running, queued = []message.RunningExecution{}, []message.QueuedExecution{} // lists, never null
	for _, x := range s.engine.Executions() {
		switch x.Status {
		case enums.ExecutionRunning:
			running = append(running, message.RunningExecution{
				ExecutionID: x.ID, PlateID: x.Plate, StartTime: message.Seconds(x.Started),
				Elapsed: s.now().Sub(x.Started).Seconds(), CompileOnly: x.CompileOnly,
			})
		case enums.ExecutionQueued:
			queued = append(queued, message.QueuedExecution{ExecutionID: x.ID, PlateID: x.Plate, QueuePosition: len(queued) + 1})
		default: // it has ended
		}
	}
	return running, queued
}

func (s *Server) statusOfAll() message.StatusReply {
	running, queued := s.shortLists()
	ids := []string{}
	for _, x := range s.engine.Executions() {
		ids = append(ids, x.ID)
	}
	return message.StatusReply{
		Status: message.StatusOK, ActiveExecutions: len(running), Uptime: s.now().Sub(s.started).Seconds(),
		Executions: ids, RunningExecutions: running, QueuedExecutions: queued,
	}
}

func (s *Server) statusOf(ctx context.Context, id string) (any, error) {
	x, wells, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	full := s.execution(x)
	full.Wells = s.wells(wells)
	done := 0.0
	for _, w := range full.Wells {
		done += w.Percent
	}
	if len(wells) > 0 {
		full.Percent = done / float64(len(wells))
	}
	full.TimeLeft, full.StartsIn = s.timeLeft(x, wells), s.startsIn(x)
	return message.ExecutionReply{Status: message.StatusOK, Execution: full}, nil
}

// execution is an execution as clients see it, without its wells.
func (s *Server) execution(x engine.Execution) message.Execution {
	m := message.Execution{
		ExecutionID: x.ID, PlateID: x.Plate, ClientAddress: message.Text(x.Client), Status: x.Status,
		StartTime: message.Seconds(x.Started), EndTime: message.Seconds(x.Ended), Error: message.Text(x.Error),
		CompileOnly: x.CompileOnly, ErrorCode: x.ErrorCode, Priority: x.Priority, RetryOf: x.RetryOf,
		SubmitTime: message.Seconds(x.Submitted),
	}
	if x.Hold != nil {
		m.Hold = string(x.Hold.Cause) + ": " + x.Hold.Reason
	}
	if waits := s.edge.jobs.waits(x.ID, s.now()); waits != "" && m.Hold == "" {
		m.Hold = "disk: " + waits
	}
	if waiting := s.journal.waiting(); waiting != "" && !x.Status.Final() {
		m.Hold = "records: " + waiting
	}
	if submission, err := decodeSubmission(x.Request); err == nil {
		m.OutputPath = submission.Out()
	}
	if len(x.Summary) > 0 {
		var summary message.Summary
		if json.Unmarshal(x.Summary, &summary) == nil {
			m.ResultsSummary = &summary
		}
	}
	if x.Status == enums.ExecutionQueued {
		_, queued := s.shortLists()
		for _, q := range queued {
			if q.ExecutionID == x.ID {
				m.QueuePosition = q.QueuePosition
			}
		}
	}
	return m
}

// tailRoom bounds what a status carries of workers' logs, in bytes: clients ask
// every second, and all wells of a large plate may fail. The rest is in the log.
const tailRoom = 256 << 10

func (s *Server) wells(wells []engine.Well) []message.Well {
	list := make([]message.Well, 0, len(wells))
	room := tailRoom
	for i := range wells {
		w := &wells[i]
		m := message.Well{
			Well: w.Name, Status: w.Status, Attempts: len(w.Attempts), Reason: string(w.Reason), Error: w.Error,
			Warnings: w.Warnings, Counts: w.Counts, Reused: w.Reused,
		}
		if last := w.Last(); last != nil {
			m.Step = last.LastStep
			end := last.Ended
			if end.IsZero() {
				end = s.now()
				m.Step, m.Percent = s.board.step(w.Execution, w.Name)
				m.LogPath = s.logs.dir.WorkerPath(w.Execution, w.Name, last.Number)
			}
			m.Elapsed = end.Sub(last.Started).Seconds()
			m.Evidence = evidence(last)
			if m.Evidence != nil {
				if room -= len(strings.Join(last.LogTail, "\n")); room < 0 {
					m.Evidence.LogTail = nil
				}
			}
		}
		if w.Status.Final() {
			m.Percent = 100
		}
		list = append(list, m)
	}
	return list
}

// evidence is how the last attempt ended.
func evidence(a *engine.Attempt) *message.Evidence {
	if a.Ended.IsZero() {
		return nil
	}
	return &message.Evidence{
		ExitCode: a.ExitCode, Signal: a.Signal, PeakMemory: a.PeakMemory,
		CPU: a.CPU.Seconds(), LogTail: a.LogTail,
	}
}

func (s *Server) results(ctx context.Context, r message.Results) (any, error) {
	x, wells, err := s.find(ctx, r.ExecutionID)
	if err != nil {
		return nil, err
	}
	if !x.Status.Final() {
		return nil, message.Invalidf("Execution %s is still %s: its results are there when it has ended", x.ID, x.Status)
	}
	full := s.execution(x)
	reply := message.ResultsReply{
		Status: message.StatusOK, ExecutionID: x.ID, OutputPath: full.OutputPath, Wells: s.wells(wells),
	}
	if full.ResultsSummary == nil {
		return nil, message.Invalidf("Execution %s ended as %s without results: %s", x.ID, x.Status, x.Error)
	}
	reply.Summary = *full.ResultsSummary
	return reply, nil
}

func (s *Server) history(ctx context.Context, r message.History) (any, error) {
	executions, _, err := s.journal.load(ctx, store.Filter{Kind: store.Execution})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(executions, func(a, b engine.Execution) int { return b.Submitted.Compare(a.Submitted) })
	limit := r.Limit
	if limit == 0 {
		limit = 50
	}
	reply := message.HistoryReply{Status: message.StatusOK, Executions: []message.Execution{}}
	for _, x := range executions {
		if r.PlateID != "" && x.Plate != r.PlateID {
			continue
		}
		if len(reply.Executions) == limit {
			break
		}
		reply.Executions = append(reply.Executions, s.execution(x))
	}
	return reply, nil
}

// endpoints are the addresses the server listens on, control first.
func (s *Server) endpoints() []string {
	return append(append([]string{}, s.loop.ControlEndpoints()...), s.loop.DataEndpoints()...)
}
