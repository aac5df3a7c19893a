package plugin

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin/workerpb"
)

// session is the worker's one task and what the process lives for. It ends
// (once) when
//   - no server connects within HelloTimeout,
//   - the last connection goes and there is no task at work,
//   - the task is done and the server said Stop, left, or lingers too long,
//   - no server has been connected for OrphanGrace while the task is at work.
type session struct {
	workerpb.UnimplementedWorkerServer
	implementation Implementation
	options        ServeOptions
	context        context.Context // of the task
	cancel         context.CancelFunc

	mu          sync.Mutex
	connections int
	state       State
	request     Request
	reply       Reply
	finished    chan struct{} // closed when the reply is there
	timer       *time.Timer   // the reason to end that is pending
	end         func()
	stopping    bool // asked to stop while executing
	fetched     bool // somebody was there to take the reply
	ended       bool
	alone       bool // when it ended
	code        int
	parent      int // the server that started us, or who inherited us from it
}

func newSession(implementation Implementation, options ServeOptions) *session {
	s := &session{
		implementation: implementation, options: options,
		state: Idle, finished: make(chan struct{}), end: func() {}, parent: os.Getppid(),
	}
	s.context, s.cancel = context.WithCancel(context.Background())
	s.arm(options.HelloTimeout, ExitIdle, "no server said hello")
	return s
}

// close releases what outlives the last call.
func (s *session) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disarm()
}

func (s *session) onEnd(end func()) {
	s.mu.Lock()
	if !s.ended {
		s.end = end
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	end()
}

func (s *session) exitCode() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code
}

// abandoned tells whether there may be no server to sweep after us: the one that
// started us is gone, or nobody was there for the reply.
func (s *session) abandoned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state != Idle && (os.Getppid() != s.parent || s.alone && !s.fetched)
}

// arm replaces the pending reason to end. The caller holds mu, or is alone.
func (s *session) arm(after time.Duration, code int, cause string) {
	s.disarm()
	s.timer = time.AfterFunc(after, func() {
		s.options.Logger.Info("worker ends", "cause", cause)
		s.cancel()
		if code == ExitOrphaned {
			// The task may still write down how far it came.
			select {
			case <-s.finished:
			case <-time.After(s.options.Linger):
			}
		}
		s.finish(code)
	})
}

func (s *session) disarm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// finish lets Serve return.
func (s *session) finish(code int) {
	s.mu.Lock()
	end, first := s.end, !s.ended
	if first {
		s.ended, s.code, s.alone = true, code, s.connections == 0
	}
	s.mu.Unlock()
	if first {
		end()
	}
}

func (s *session) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections++
	if s.state == Finished {
		s.arm(s.options.Linger, ExitDone, "the reply was not fetched")
		return
	}
	s.disarm()
}

func (s *session) disconnected() {
	s.mu.Lock()
	s.connections--
	gone, state := s.connections == 0, s.state
	if gone && state == Executing {
		s.arm(s.options.OrphanGrace, ExitOrphaned, "the server is gone and did not come back")
	}
	s.mu.Unlock()
	if gone && state != Executing {
		// Not from here: this runs inside the gRPC server that is to stop.
		go s.finish(state.exit())
	}
}

// stop gives up the task, or ends a process that has none.
func (s *session) stop(cause string) State {
	s.mu.Lock()
	state := s.state
	s.stopping = true
	s.mu.Unlock()
	s.options.Logger.Debug("worker is asked to stop", "cause", cause, "state", string(state))
	s.cancel()
	if state != Executing {
		go s.finish(state.exit())
	}
	return state
}

// exit is the code with which a process in a state ends that has nothing to do.
func (s State) exit() int {
	if s == Idle {
		return ExitIdle
	}
	return ExitDone
}

// Describe implements workerpb.WorkerServer.
func (s *session) Describe(_ context.Context, request *workerpb.DescribeRequest) (*workerpb.DescribeReply, error) {
	d := s.implementation.Describe(request.GetFingerprint())
	reply := &workerpb.DescribeReply{Version: d.Version, Fingerprint: d.Fingerprint, Functions: d.Functions}
	if request.GetFingerprint() != d.Fingerprint {
		reply.Description = d.Registry
	}
	return reply, nil
}

// Execute implements workerpb.WorkerServer.
func (s *session) Execute(ctx context.Context, in *workerpb.ExecuteRequest) (*workerpb.ExecuteReply, error) {
	request := Request{
		Execution: in.GetExecution(), Plate: in.GetPlate(), Well: in.GetWell(), Attempt: int(in.GetAttempt()),
		Task: in.GetTask(), Threads: int(in.GetThreads()), Memory: in.GetMemory(), Log: in.GetLog(),
	}
	if err := s.begin(request); err != nil {
		return nil, err
	}
	select {
	case <-s.finished:
	case <-ctx.Done(): // the server is gone; the task is not
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	s.mu.Lock()
	s.fetched = true
	s.mu.Unlock()
	return &workerpb.ExecuteReply{Reason: string(s.reply.Reason), Error: s.reply.Error, PeakMemory: s.reply.PeakMemory}, nil
}

// begin starts the task, or lets the caller join the one that it means.
func (s *session) begin(request Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != Idle {
		r := s.request
		if r.Execution == request.Execution && r.Well == request.Well && r.Attempt == request.Attempt {
			return nil
		}
		return status.Errorf(codes.FailedPrecondition, "worker has its task already: execution %s, well %s, attempt %d", r.Execution, r.Well, r.Attempt)
	}
	if s.ended || s.context.Err() != nil {
		return status.Error(codes.FailedPrecondition, "worker is stopping")
	}
	if len(request.Task) == 0 {
		return status.Error(codes.FailedPrecondition, "worker has no task to join")
	}
	if err := prepare(request); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	s.state, s.request = Executing, request
	go s.run(request)
	return nil
}

func (s *session) run(request Request) {
	reply := s.implementation.Execute(s.context, request)
	if reply.Reason == "" {
		reply.Reason = enums.ReasonOutputInvalid
		reply.Error = "worker gave no reason for its end"
	}
	if reply.PeakMemory == 0 {
		reply.PeakMemory = peakMemory(os.Getpid())
	}
	s.mu.Lock()
	s.state, s.reply = Finished, reply
	alone := s.connections == 0
	if !alone {
		linger := s.options.Linger
		if s.stopping {
			linger = min(linger, time.Second)
		}
		s.arm(linger, ExitDone, "the reply was not fetched")
	}
	s.mu.Unlock()
	close(s.finished)
	if alone {
		s.finish(ExitDone)
	}
}

// prepare applies what could not be known when the process was started.
func prepare(request Request) error {
	if request.Log != "" {
		if err := logTo(request.Log); err != nil {
			return err
		}
	}
	if request.Threads > 0 {
		if runtime.GOMAXPROCS(0) != request.Threads {
			runtime.GOMAXPROCS(request.Threads)
		}
		for _, name := range threadVariables() {
			if err := os.Setenv(name, strconv.Itoa(request.Threads)); err != nil {
				return err
			}
		}
	}
	if request.Memory > 0 {
		debug.SetMemoryLimit(request.Memory)
	}
	return nil
}

// threadVariables name what libraries and child processes read their number of
// threads from.
func threadVariables() []string {
	return []string{"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"}
}

// Identify implements workerpb.WorkerServer.
func (s *session) Identify(context.Context, *workerpb.IdentifyRequest) (*workerpb.IdentifyReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &workerpb.IdentifyReply{
		Pid: int64(os.Getpid()), Marker: os.Getenv(EnvMarker), State: s.state.wire(),
		Execution: s.request.Execution, Well: s.request.Well, Attempt: int32(s.request.Attempt),
	}, nil
}

// Ping implements workerpb.WorkerServer.
func (s *session) Ping(context.Context, *workerpb.PingRequest) (*workerpb.PingReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &workerpb.PingReply{State: s.state.wire()}, nil
}

// Stop implements workerpb.WorkerServer.
func (s *session) Stop(_ context.Context, request *workerpb.StopRequest) (*workerpb.StopReply, error) {
	return &workerpb.StopReply{State: s.stop(request.GetCause()).wire()}, nil
}
