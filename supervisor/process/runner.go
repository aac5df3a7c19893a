package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/registry"
)

// Options of a [Runner].
type Options struct {
	// Binary and Args start a worker: "" is the program that runs, whatever has
	// become of its file.
	Binary string
	Args   []string
	// Env is added to a worker's minimal environment.
	Env []string
	// RunDir holds the workers' sockets: 0700, at most [plugin.MaxRunDir] bytes,
	// and no other server's.
	RunDir string
	// Description and Fingerprint are what a worker must agree with.
	Description registry.Description
	Fingerprint string
	// Spares is how many workers are started ahead of their task, see [Runner.SetSpares].
	Spares int
	// Logger, nil for none.
	Logger *slog.Logger

	// StartTimeout from start to hello. Default 30 s.
	StartTimeout time.Duration
	// KillTimeout from SIGKILL to the verdict that a process cannot be killed.
	// Default 5 s.
	KillTimeout time.Duration
	// Look is how often memory and log are looked at. Default 500 ms.
	Look time.Duration
	// Kill replaces kill(2), for tests of processes that do not die.
	Kill func(pid int, signal syscall.Signal) error
}

// Runner runs attempts. It is safe for concurrent use, and MUST be closed.
type Runner struct {
	options Options
	program program
	prefix  string
	env     []string
	groups  groupMaker
	reaper  bool
	spares  *spares
	log     *slog.Logger
	before  leftovers

	closing chan struct{} // closed by Close
	ending  sync.Once
	tasks   sync.WaitGroup // goroutines that outlive a Run

	mu       sync.Mutex
	attempts map[attemptKey]*attempt
	hurried  bool     // by KillAll
	held     []string // control groups that the kernel has yet to let go
}

type attemptKey struct {
	execution, well string
	attempt         int
}

// NewRunner checks the options and makes the run directory. It makes the
// calling process the reaper of its orphaned descendants.
func NewRunner(options Options) (*Runner, error) {
	if options.StartTimeout <= 0 {
		options.StartTimeout = 30 * time.Second
	}
	if options.KillTimeout <= 0 {
		options.KillTimeout = 5 * time.Second
	}
	if options.Look <= 0 {
		options.Look = 500 * time.Millisecond
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	program, err := findProgram(options.Binary)
	if err != nil {
		return nil, err
	}
	if err := makePrivate(options.RunDir); err != nil {
		return nil, err
	}
	prefix := markerPrefix(options.RunDir)
	r := &Runner{
		options: options, program: program, prefix: prefix, env: environment(os.Environ(), options.Env), log: options.Logger,
		groups: findGroups("wellhouse-" + strings.TrimSuffix(prefix, "/") + "-"), reaper: plugin.BecomeReaper(),
		closing:  make(chan struct{}),
		attempts: map[attemptKey]*attempt{},
	}
	r.before = leftovers{markers: markers(prefix), groups: r.groups.leftovers()}
	for _, pattern := range []string{"plugin-dir*", "spare-*.log"} {
		found, err := filepath.Glob(filepath.Join(options.RunDir, pattern))
		if err != nil {
			return nil, fmt.Errorf("list old sockets: %w", err)
		}
		r.before.files = append(r.before.files, found...)
	}
	r.spares = newSpares(r)
	r.SetSpares(options.Spares)
	return r, nil
}

func makePrivate(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("make run directory: %q is not an absolute path", dir)
	}
	if len(dir) > plugin.MaxRunDir {
		return fmt.Errorf("make run directory: %s is too long for sockets: at most %d bytes", dir, plugin.MaxRunDir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("make run directory: others may enter %s; run: chmod 700 %s", dir, dir)
	}
	return nil
}

// Run starts a worker for the attempt and returns how it ended. started is
// called with what a later server needs to know, before the worker gets its
// task; its error ends the attempt. When ctx ends the worker is stopped and the
// reason is cancelled.
func (r *Runner) Run(ctx context.Context, spec Spec, started func(Record) error) (end Result) {
	a := r.enter(spec)
	defer r.leave(a)
	defer func() { a.tell(end) }()
	worker, err := r.launch(ctx, a)
	if err != nil {
		return a.startFailed(ctx, err)
	}
	if started != nil {
		if err := started(a.record); err != nil {
			return a.abandon(ctx, worker, fmt.Errorf("record the attempt: %w", err))
		}
	}
	return a.supervise(ctx, worker)
}

// Adopt takes over an attempt of an earlier server and returns how it ended. A
// worker that lives is held to the record's limits at once; one that is gone is
// judged by what it left; one that never got its task gets it now. The record is
// empty when the earlier server died before it could tell.
func (r *Runner) Adopt(ctx context.Context, record Record, spec Spec) (end Result) {
	if record.Pid != 0 {
		spec.Limits = record.Limits
	}
	a := r.newAttempt(spec)
	a.adopted, a.record = true, record
	if !record.Started.IsZero() { // else the earlier server died before it could tell
		a.began = record.Started
	}
	a.group = groupOf(r.ownGroups(record.Groups))
	r.admit(a) // last: from here on progress may come
	defer r.leave(a)
	defer func() { a.tell(end) }()
	within, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	worker, err := plugin.Reattach(within, record.Record, plugin.ReattachOptions{KillTimeout: r.options.KillTimeout, Kill: r.options.Kill})
	if err != nil {
		r.log.Info("worker of an earlier server is gone", "execution", spec.Execution, "well", spec.Well, "attempt", spec.Attempt, "pid", record.Pid, "cause", err)
		if ctx.Err() != nil {
			a.stopped = byCancel
		}
		defer record.RemoveSocket(r.options.RunDir)
		return a.conclude(nil)
	}
	r.addWorker(record.Pid)
	a.log.Debug("worker taken over", "pid", record.Pid)
	// One that does not answer has its task, or nothing is lost with it.
	if identity, err := worker.Identify(within); err == nil && identity.State == plugin.Idle {
		a.idle, a.redirected = true, true // it may have been a spare
		if err := a.complete(ctx, worker); err != nil {
			return a.taskless(ctx, worker, err)
		}
	}
	return a.supervise(ctx, worker)
}

// complete makes the task of a worker that waits for one. It comes back when the
// worker ends or is to be stopped, however long the making takes.
func (a *attempt) complete(ctx context.Context, worker *plugin.Worker) error {
	if a.spec.Late == nil {
		return nil
	}
	add, late, made := a.spec.Late, a.spec, make(chan error, 1)
	go func() { made <- add(ctx, &late) }() // ends with Late, which nobody can hurry
	select {
	case err := <-made:
		a.spec.Task, a.spec.Threads = late.Task, late.Threads
		return err
	case <-worker.Exited():
		return errors.New("it ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ownGroups drops folders that a record names and that are not of our making.
func (r *Runner) ownGroups(folders []string) []string {
	var own []string
	for _, folder := range folders {
		if strings.HasPrefix(filepath.Base(folder), "wellhouse-"+strings.TrimSuffix(r.prefix, "/")+"-") {
			own = append(own, folder)
		}
	}
	return own
}

// Progress tells that the attempt goes on, and in which step it is ("" = as
// before). Unknown attempts are ignored: progress may come late.
func (r *Runner) Progress(execution, well string, number int, step string) {
	r.mu.Lock()
	a := r.attempts[attemptKey{execution, well, number}]
	r.mu.Unlock()
	if a != nil {
		a.progress(step)
	}
}

// Pid is the number of the attempt's worker, 0 when it has none.
func (r *Runner) Pid(execution, well string, number int) int {
	r.mu.Lock()
	a := r.attempts[attemptKey{execution, well, number}]
	r.mu.Unlock()
	if a == nil {
		return 0
	}
	return int(a.pid.Load())
}

// Workers looks at the process of every attempt and spare. Proportional
// includes their descendants, as far as they were looked at yet.
func (r *Runner) Workers() []Node {
	workers := r.workers()
	memory := make(map[int]int64, len(workers))
	for pid := range workers {
		memory[pid] = 0
	}
	r.mu.Lock()
	for _, a := range r.attempts {
		if pid := int(a.pid.Load()); workers[pid] {
			memory[pid] = a.memory.Load()
		}
	}
	r.mu.Unlock()
	var all []Node
	for _, pid := range slices.Sorted(maps.Keys(memory)) {
		if n, err := Glance(pid); err == nil { // else it has ended
			n.Proportional = max(n.Proportional, memory[pid])
			all = append(all, n)
		}
	}
	return all
}

// SetSpares changes how many workers wait for a task. A spare is a process like
// any other worker and takes one task; it saves the time of the start, and is
// discarded when the binary's file changes.
func (r *Runner) SetSpares(n int) { r.spares.set(n) }

// Hurry makes every stop of the execution's attempts that is under way, and
// every later one of these attempts, a kill.
func (r *Runner) Hurry(execution string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, a := range r.attempts {
		if key.execution == execution {
			a.hasten()
		}
	}
}

// KillAll makes every stop that is under way, and every later one, a kill.
func (r *Runner) KillAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurried = true
	for _, a := range r.attempts {
		a.hasten()
	}
}

// Close ends the spares and waits for all goroutines. No Run or Adopt may be
// under way.
func (r *Runner) Close() {
	r.ending.Do(func() { close(r.closing) })
	r.spares.set(0)
	r.tasks.Wait()
	_ = os.Remove(r.spares.log())
	r.reapUnknown()
	r.removeGroup(group{})
	for pid := range r.workers() {
		r.dropWorker(pid) // stuck in the kernel, and left to itself
	}
}

// leftovers of earlier servers, listed before there is anything of ours.
type leftovers struct {
	markers       map[int]string
	groups, files []string // control groups; sockets' directories and logs of spares
}

// Sweep removes what earlier servers with this run directory left before this
// runner was made: marked processes, sockets and control groups of attempts
// that are not in live, the records that are about to be adopted. Spares of a
// dead server go too.
func (r *Runner) Sweep(live []Record) error {
	keep, groups := map[string]bool{}, map[string]bool{}
	sockets := map[string]bool{}
	for _, record := range live {
		keep[record.Marker] = true
		sockets[filepath.Dir(record.Socket)] = true
		for _, folder := range record.Groups {
			groups[folder] = true
		}
	}
	var failed []error
	gone := map[string]bool{}
	for _, marker := range r.before.markers {
		if keep[marker] || gone[marker] {
			continue
		}
		gone[marker] = true
		r.log.Warn("end what an earlier server left", "attempt", marker)
		if !r.sweep(0, marker, group{}, true) {
			failed = append(failed, fmt.Errorf("end processes of %s: still there", marker))
		}
	}
	for _, folder := range r.before.groups {
		if !groups[folder] {
			g := group{folders: []string{folder}}
			r.sweep(0, "", g, false)
			r.removeGroup(g)
		}
	}
	for _, dir := range r.before.files {
		if !sockets[dir] {
			failed = append(failed, os.RemoveAll(dir))
		}
	}
	return errors.Join(failed...)
}

func (r *Runner) enter(spec Spec) *attempt {
	a := r.newAttempt(spec)
	r.admit(a)
	return a
}

func (r *Runner) newAttempt(spec Spec) *attempt {
	spec.Limits = spec.Limits.withDefaults()
	a := &attempt{runner: r, spec: spec, began: time.Now(), oomBefore: systemOOMKills(), hurry: make(chan struct{})}
	a.log = r.log.With("execution", spec.Execution, "well", spec.Well, "attempt", spec.Attempt)
	return a
}

// admit makes the attempt known to other goroutines.
func (r *Runner) admit(a *attempt) {
	a.progress("")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts[attemptKey{a.spec.Execution, a.spec.Well, a.spec.Attempt}] = a
	if r.hurried {
		a.hasten()
	}
}

func (r *Runner) leave(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.attempts, attemptKey{a.spec.Execution, a.spec.Well, a.spec.Attempt})
}

// heartbeat is when an attempt last showed progress, and in which step.
type heartbeat struct {
	at   atomic.Int64 // nanoseconds since the attempt began
	step atomic.Pointer[string]
}
