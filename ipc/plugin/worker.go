package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin/workerpb"
)

// Worker is the server's hold on one worker process. Its methods may be called
// from any goroutine. Every worker MUST be given up by [Worker.Release] after it
// has exited, or by [Worker.Detach].
type Worker struct {
	attached    *attached
	connection  *grpc.ClientConn
	rpc         workerpb.WorkerClient
	record      Record
	killTimeout time.Duration
	socketDir   string

	replying sync.Once
	replied  chan struct{} // closed when Execute has its reply
}

func newWorker(a *attached, record Record, socketDir string, killTimeout time.Duration) (*Worker, error) {
	connection, err := socket{path: record.Socket, pid: record.Pid}.connect()
	if err != nil {
		return nil, fmt.Errorf("connect to worker: %w", err)
	}
	return &Worker{
		attached: a, connection: connection, rpc: workerpb.NewWorkerClient(connection),
		record: record, socketDir: socketDir, killTimeout: killTimeout, replied: make(chan struct{}),
	}, nil
}

// Record identifies the worker for a later [Reattach].
func (w *Worker) Record() Record { return w.record }

// Pid of the worker, which is its process group and session too.
func (w *Worker) Pid() int { return w.record.Pid }

// Exited is closed when the process has ended and its group was killed.
func (w *Worker) Exited() <-chan struct{} { return w.attached.exited }

// Ended tells whether the process has ended or is about to: Exited is closed only
// after the last of its threads is gone.
func (w *Worker) Ended() bool {
	select {
	case <-w.Exited():
		return true
	default:
		start, zombie, err := StartTime(w.Pid())
		if err != nil {
			return !errors.Is(err, errors.ErrUnsupported)
		}
		return zombie || start != w.record.StartTime
	}
}

// Exit says how it ended; to be asked after Exited is closed.
func (w *Worker) Exit() Exit { return w.attached.exit }

// Describe compares builds: the description's Registry is empty when the
// worker's fingerprint is the one given.
func (w *Worker) Describe(ctx context.Context, fingerprint string) (Description, error) {
	reply, err := w.rpc.Describe(ctx, &workerpb.DescribeRequest{Fingerprint: fingerprint})
	if err != nil {
		return Description{}, fmt.Errorf("describe worker: %w", err)
	}
	return Description{
		Version: reply.GetVersion(), Fingerprint: reply.GetFingerprint(),
		Registry: reply.GetDescription(), Functions: reply.GetFunctions(),
	}, nil
}

// Execute gives the worker its task and returns when it is done. Given the same
// execution, well and attempt without a task it joins the one that runs.
func (w *Worker) Execute(ctx context.Context, request Request) (Reply, error) {
	reply, err := w.rpc.Execute(ctx, &workerpb.ExecuteRequest{
		Execution: request.Execution, Plate: request.Plate, Well: request.Well, Attempt: int32(request.Attempt),
		Task: request.Task, Threads: int32(request.Threads), Memory: request.Memory, Log: request.Log,
	})
	if err != nil {
		return Reply{}, fmt.Errorf("execute task: %w", err)
	}
	w.replying.Do(func() { close(w.replied) })
	reason, err := enums.ParseExitReason(reply.GetReason())
	if err != nil {
		return Reply{}, fmt.Errorf("execute task: worker's reply: %w", err)
	}
	return Reply{Reason: reason, Error: reply.GetError(), PeakMemory: reply.GetPeakMemory()}, nil
}

// Identify asks the worker who it is.
func (w *Worker) Identify(ctx context.Context) (Identity, error) {
	reply, err := w.rpc.Identify(ctx, &workerpb.IdentifyRequest{})
	if err != nil {
		return Identity{}, fmt.Errorf("identify worker: %w", err)
	}
	return Identity{
		Pid: int(reply.GetPid()), Marker: reply.GetMarker(), State: stateOf(reply.GetState()),
		Execution: reply.GetExecution(), Well: reply.GetWell(), Attempt: int(reply.GetAttempt()),
	}, nil
}

// Ping returns nil when the process answers, whatever its task does.
func (w *Worker) Ping(ctx context.Context) error {
	if _, err := w.rpc.Ping(ctx, &workerpb.PingRequest{}); err != nil {
		return fmt.Errorf("ping worker: %w", err)
	}
	return nil
}

// Signal sends the signal to the worker's process group while it lives;
// os.ErrProcessDone after that.
func (w *Worker) Signal(s syscall.Signal) error { return w.attached.process.signal(s) }

// ErrUnkillable says that a process did not end although it was killed: it is
// stuck in the kernel.
var ErrUnkillable = errors.New("worker cannot be killed: it is stuck in the kernel")

// End ends the process, each step bounded: it is asked by Stop (one that has
// replied is left, which it takes for the same), then told by SIGTERM, and killed
// when grace is over. hurry, which may be nil, cuts the
// grace short when it is closed. End returns when the process is gone, or
// [ErrUnkillable] KillTimeout after the kill.
func (w *Worker) End(cause string, grace time.Duration, hurry <-chan struct{}) error {
	over := time.NewTimer(grace)
	defer over.Stop()
	if w.ask(cause, grace/2, hurry) {
		return nil
	}
	if err := w.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-w.Exited()
		return nil
	}
	select {
	case <-w.Exited():
		return nil
	case <-over.C:
	case <-hurry:
	}
	return w.Kill()
}

// ask is the polite part of End; true when the process is gone. Whether Stop is
// answered says little: a worker that ends at once takes its answer with it.
func (w *Worker) ask(cause string, patience time.Duration, hurry <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	replied := w.replied
	// A worker that has given its reply stays for the connection only.
	leave := func() {
		replied = nil
		_ = w.connection.Close()
	}
	select {
	case <-replied:
		leave()
	default:
		calls.Go(func() { _, _ = w.rpc.Stop(ctx, &workerpb.StopRequest{Cause: cause}) })
	}
	for {
		select {
		case <-w.Exited():
			return true
		case <-replied:
			leave()
		case <-ctx.Done():
			return false
		case <-hurry:
			return false
		}
	}
}

// Kill kills the process group and returns when the worker is gone, or
// [ErrUnkillable] after KillTimeout.
func (w *Worker) Kill() error {
	if err := w.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	bound := time.NewTimer(w.killTimeout)
	defer bound.Stop()
	select {
	case <-w.Exited():
		return nil
	case <-bound.C:
		return ErrUnkillable
	}
}

// Release frees what the server holds of a worker that has exited, its socket's
// directory included. It waits for the exit.
func (w *Worker) Release() {
	<-w.Exited()
	_ = w.connection.Close()
	removeSocketDir(w.socketDir)
}

// Detach lets go of the worker and leaves it running, for a later server to
// reattach. The worker sees its server gone.
func (w *Worker) Detach() {
	w.attached.release()
	_ = w.connection.Close()
}
