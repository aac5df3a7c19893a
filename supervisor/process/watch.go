package process

import (
	"fmt"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// excess is a limit that was found broken.
type excess struct {
	cause cause
	text  string
}

// watcher looks at what gives no event: how much memory a worker and its
// descendants hold, how many they are, and how large the log is.
type watcher struct {
	over  chan excess // buffered: the first one counts
	done  chan struct{}
	wait  sync.WaitGroup
	peak  int64 // bytes, without pages of files
	files int64 // those, at the last look
}

func (a *attempt) watch(worker *plugin.Worker) *watcher {
	w := &watcher{over: make(chan excess, 1), done: make(chan struct{})}
	w.wait.Go(func() {
		ticker := time.NewTicker(a.runner.options.Look)
		defer ticker.Stop()
		// The first look is at the worker alone. To find its children its
		// threads must be listed, which makes its end dearer by a fraction
		// of a millisecond to some (the kernel drops the entries of proc(5)
		// one by one): too much for a well that takes no longer.
		w.look(a, worker, measureAlone)
		for {
			select {
			case <-ticker.C:
				w.look(a, worker, measure)
			case <-w.done:
				w.capLog(a)
				return
			}
		}
	})
	return w
}

func (w *watcher) stop() {
	close(w.done)
	w.wait.Wait()
}

func (w *watcher) look(a *attempt, worker *plugin.Worker, measure func(pid int) usage) {
	w.capLog(a)
	select {
	case <-worker.Exited():
		return // its number may be another's by now
	default:
	}
	seen := measure(worker.Pid())
	w.peak, w.files = max(w.peak, seen.memory, seen.peak), max(w.files, seen.files)
	a.memory.Store(seen.memory)
	if seen.shared > 0 {
		a.noteShared(worker.Pid())
	}
	limits := a.spec.Limits
	var found excess
	switch {
	case limits.Memory > 0 && seen.memory > limits.Memory:
		found = excess{byMemory, fmt.Sprintf("held %s (limit %s)", mebibytes(seen.memory), mebibytes(limits.Memory))}
	case limits.Processes > 0 && seen.processes > limits.Processes:
		found = excess{byProcesses, fmt.Sprintf("killed at %d processes and threads (limit %d)", seen.processes, limits.Processes)}
	default:
		return
	}
	select {
	case w.over <- found:
	default:
	}
}

func (w *watcher) capLog(a *attempt) {
	cut, err := capLog(a.spec.LogPath, a.record.LogOffset, logCap, logHead, logTail)
	if cut > 0 {
		a.log.Warn("worker log was cut", "path", a.spec.LogPath, "bytes", cut)
	}
	if err != nil {
		a.log.Warn("look after worker log", "error", err)
	}
}
