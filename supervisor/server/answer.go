package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/loop"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// answer replies to one request; it runs in a goroutine of its own. Whatever
// goes wrong, even a panic, the client gets a reply.
func (s *Server) answer(ctx context.Context, request loop.Request) {
	var codec message.Codec
	reply := func(frame []byte) {
		if !s.loop.Reply(request, frame) {
			s.log.Debug("a reply came too late", "request", request.ID)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request's handler failed", "panic", p, "stack", string(debug.Stack()))
			reply(message.EncodeError(codec, errors.New("internal error: see the server's log")))
		}
	}()
	codec = message.CodecOf(request.Payload)
	typed, err := s.decode(request)
	if err != nil {
		reply(message.EncodeError(codec, err))
		return
	}
	_, ping := typed.(message.Ping)
	s.clients.begin(ping)
	defer s.clients.end(ping)
	answer, err := s.handle(ctx, typed)
	if err != nil {
		reply(message.EncodeError(codec, err))
		return
	}
	frame, err := codec.Encode(answer)
	if err == nil && len(frame) > message.MaxReply {
		err = fmt.Errorf("the reply has %d MiB, and clients take %d", len(frame)>>20, message.MaxReply>>20)
	}
	if err != nil {
		s.log.Error("a reply cannot be written", "type", typed.MessageType(), "error", err)
		frame = message.EncodeError(codec, err)
	}
	reply(frame)
}

// largeMessage is the size in bytes above which messages are decoded a few at a
// time: a small pickle can stand for many values, and many of those at once for
// all the memory there is.
const largeMessage = 4 << 10

func (s *Server) decode(request loop.Request) (message.Request, error) {
	if len(request.Payload) > largeMessage {
		s.decoding <- struct{}{}
		defer func() { <-s.decoding }()
	}
	incoming, err := message.Decode(request.Payload)
	if err != nil {
		s.log.Warn("a message cannot be read", "peer", request.Peer.PID, "error", err)
		return nil, err
	}
	return incoming.Request()
}

// admits tells whether the server takes new clients and new work.
func (s *Server) admits() bool { return !s.lifetime.ending() && s.clients.admits() }

func errEnding() error {
	return &message.Invalid{Text: "the server is about to end: submit to another, or start it again", Code: message.CodeBusy}
}

func (s *Server) handle(ctx context.Context, request message.Request) (any, error) {
	switch r := request.(type) {
	case message.Ping:
		return s.pong(), nil
	case message.Execute:
		return s.execute(ctx, r)
	case message.Status:
		if r.ExecutionID == "" {
			return s.statusOfAll(), nil
		}
		return s.statusOf(ctx, r.ExecutionID)
	case message.Cancel:
		return s.cancel(ctx, r)
	case message.Shutdown:
		if err := s.engine.CancelAll(ctx); err != nil {
			return nil, err
		}
		return message.NewShutdownAck("every execution is cancelled; the server stays"), nil
	case message.ForceShutdown:
		// It ends whether or not that can be written down.
		ctx, cancel := context.WithTimeout(ctx, forcePatience)
		defer cancel()
		err := s.engine.CancelAll(ctx)
		s.end("a client asked it to")
		if err != nil {
			s.log.Error("executions could not be cancelled for good: the next server takes them up", "error", err)
			return message.NewShutdownAck("the server ends; what it ran could not be cancelled for good"), nil
		}
		return message.NewShutdownAck("every execution is cancelled; the server ends"), nil
	case message.RegisterProgress:
		return s.register(r)
	case message.UnregisterProgress:
		n := s.clients.leave(r.ClientID)
		s.lifetime.look()
		return message.Registration{Status: message.StatusOK, Message: "Progress unregistered", ClientID: r.ClientID, ProgressSubscribers: n}, nil
	case message.Retry:
		return s.retry(ctx, r)
	case message.Results:
		return s.results(ctx, r)
	case message.Ps:
		return s.ps()
	case message.History:
		return s.history(ctx, r)
	default:
		return nil, message.UnknownType(request.MessageType())
	}
}

func (s *Server) execute(ctx context.Context, r message.Execute) (any, error) {
	platePath := r.PlateID
	if !filepath.IsAbs(platePath) {
		return nil, message.Invalidf("Invalid field: 'plate_id' must be the absolute path of a plate's folder, not %.200s", platePath)
	}
	submission := Submission{
		PlatePath: filepath.Clean(platePath), Pipeline: r.PipelineCode, PipelineName: r.SelectedPipelinePath,
		Config: r.ConfigCode, PipelineConfig: r.PipelineConfigCode, Settings: r.ConfigParams,
		Output: r.OutputPath, WellFilter: r.WellFilter, Artifact: r.CompileArtifactID,
		Fresh: r.Resume != nil && !*r.Resume,
	}
	plate := r.ExecutionPlateID
	if plate == "" {
		plate = r.PlateID
	}
	retries := -1 // as configured
	if r.Retries != nil {
		retries = *r.Retries
	}
	return s.submit(ctx, submission, engine.Execution{
		ID: r.SubmissionID, Plate: plate, Client: r.ClientAddress, CompileOnly: r.CompileOnly,
		Workers: r.Workers, Priority: r.Priority, Retries: retries,
	})
}

// forcePatience is how long a forced shutdown waits for cancelling to be durable.
const forcePatience = 2 * time.Second

func (s *Server) submit(ctx context.Context, submission Submission, x engine.Execution) (any, error) {
	if err := s.edge.allow.both(submission); err != nil {
		return nil, &message.Invalid{Text: err.Error(), Code: message.CodeForbidden}
	}
	text, err := submission.encode()
	if err != nil {
		return nil, err
	}
	x.Request = text
	if x.ID == "" {
		x.ID = uuid.NewString()
		if err := s.take(ctx, x); err != nil {
			return nil, err
		}
		return s.accepted(x.ID), nil
	}
	taken, err, _ := s.accepting.Do(x.ID, func() (any, error) { // the same one sent again waits for the first
		if known, _, ok, err := s.byID(ctx, x.ID); ok || err != nil {
			return known, err
		}
		return x, s.take(ctx, x)
	})
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(taken.(engine.Execution).Request, x.Request):
		return nil, message.Invalidf("submission_id %s is that of another submission", x.ID)
	}
	return s.accepted(x.ID), nil
}

// take queues an execution.
func (s *Server) take(ctx context.Context, x engine.Execution) error {
	if !s.admits() {
		return errEnding()
	}
	if waiting := s.journal.waiting(); waiting != "" { // else it would run when nobody expects it any more
		return &message.Invalid{Text: "the server cannot take a submission: " + waiting, Code: message.CodeUnwritable}
	}
	return s.engine.Submit(ctx, x)
}

func (s *Server) accepted(id string) message.Accepted {
	accepted := message.NewAccepted(id, s.engine.Position(id))
	accepted.Workers = s.options.Workers
	return accepted
}

func (s *Server) retry(ctx context.Context, r message.Retry) (any, error) {
	x, wells, err := s.find(ctx, r.ExecutionID)
	if err != nil {
		return nil, err
	}
	if !x.Status.Final() {
		return nil, message.Invalidf("Execution %s is still %s: retry it when it has ended", x.ID, x.Status)
	}
	submission, err := decodeSubmission(x.Request)
	if err != nil {
		return nil, err
	}
	submission.Fresh, submission.Artifact = false, ""
	switch {
	case r.FailedOnly && len(wells) == 0 && x.Status != enums.ExecutionComplete:
		// It did not come to have wells: those that it was to run have no result.
	case r.FailedOnly:
		var again []string
		for i := range wells {
			// Results that could not be merged are all there, and kept.
			if wells[i].Status != enums.WellComplete || x.ErrorCode == engine.CodeMergeFailed {
				again = append(again, wells[i].Name)
			}
		}
		if len(again) == 0 {
			return nil, message.Invalidf("Execution %s has no failed well to retry", x.ID)
		}
		submission.WellFilter = strings.Join(again, ",")
	default:
		submission.Fresh = true
	}
	reply, err := s.submit(ctx, submission, engine.Execution{
		ID: r.SubmissionID, Plate: x.Plate, Client: x.Client, Workers: x.Workers, Priority: x.Priority, Retries: x.Retries,
		CompileOnly: x.CompileOnly, RetryOf: x.ID,
	})
	if accepted, ok := reply.(message.Accepted); ok {
		accepted.RetryOf = x.ID
		return accepted, err
	}
	return reply, err
}

func (s *Server) cancel(ctx context.Context, r message.Cancel) (any, error) {
	x, _, err := s.find(ctx, r.ExecutionID)
	if err != nil {
		return nil, err
	}
	killed, err := s.engine.Cancel(ctx, x.ID)
	if r.Force {
		s.processes.Hurry(x.ID)
	}
	switch {
	case errors.Is(err, engine.ErrFinal), errors.Is(err, engine.ErrUnknown):
		return message.Done{Status: message.StatusOK, Message: fmt.Sprintf("Execution %s had already ended as %s", x.ID, x.Status)}, nil
	case err != nil:
		return nil, err
	}
	return message.Done{Status: message.StatusOK, Message: fmt.Sprintf("Execution %s is being cancelled", x.ID), WorkersKilled: killed}, nil
}

// find returns an execution by its id or a unique prefix of it: from memory, or
// from the records of ended ones.
func (s *Server) find(ctx context.Context, id string) (engine.Execution, []engine.Well, error) {
	if x, wells, ok, err := s.byID(ctx, id); ok || err != nil {
		return x, wells, err
	}
	matches := map[string]bool{}
	for _, x := range s.engine.Executions() {
		if strings.HasPrefix(x.ID, id) {
			matches[x.ID] = true
		}
	}
	ids, err := s.journal.ids(ctx, id)
	if err != nil {
		return engine.Execution{}, nil, err
	}
	for _, match := range ids {
		matches[match] = true
	}
	switch len(matches) {
	case 0:
		return engine.Execution{}, nil, message.ExecutionNotFound(id)
	case 1:
	default:
		return engine.Execution{}, nil, message.Invalidf("Execution %s is ambiguous: %d executions begin so", id, len(matches))
	}
	for match := range matches {
		if x, wells, ok, err := s.byID(ctx, match); ok || err != nil {
			return x, wells, err
		}
	}
	return engine.Execution{}, nil, message.ExecutionNotFound(id)
}

// byID returns the execution of exactly this id.
func (s *Server) byID(ctx context.Context, id string) (engine.Execution, []engine.Well, bool, error) {
	if x, wells, ok := s.engine.Execution(id); ok {
		return x, wells, true, nil
	}
	executions, wells, err := s.journal.load(ctx, store.Filter{Executions: []string{id}})
	if err != nil || len(executions) != 1 {
		return engine.Execution{}, nil, false, err
	}
	return executions[0], inOrder(executions[0], wells), true, nil
}

// inOrder sorts wells into their plate's order.
func inOrder(x engine.Execution, wells []engine.Well) []engine.Well {
	by := make(map[string]engine.Well, len(wells))
	for _, w := range wells {
		by[w.Name] = w
	}
	sorted := make([]engine.Well, 0, len(wells))
	for _, name := range x.Order {
		if w, ok := by[name]; ok {
			sorted = append(sorted, w)
		}
	}
	return sorted
}
