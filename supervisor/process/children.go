package process

import "sync"

// children are the workers that are reaped by their own wait. They are one set
// for all runners because orphans are handed to the process, whichever runner's
// they were: see reapUnknown.
var children = struct {
	// starting is held shared while a worker is between fork and its entry.
	starting sync.RWMutex

	mu     sync.Mutex
	runner map[int]*Runner // by number of process
}{runner: map[int]*Runner{}}

func (r *Runner) addWorker(pid int) {
	children.mu.Lock()
	defer children.mu.Unlock()
	children.runner[pid] = r
}

func (r *Runner) dropWorker(pid int) {
	children.mu.Lock()
	defer children.mu.Unlock()
	delete(children.runner, pid)
}

// isWorker tells whether the process is a worker of any runner.
func isWorker(pid int) bool {
	children.mu.Lock()
	defer children.mu.Unlock()
	return children.runner[pid] != nil
}

// workers are the numbers of this runner's workers.
func (r *Runner) workers() map[int]bool {
	children.mu.Lock()
	defer children.mu.Unlock()
	own := map[int]bool{}
	for pid, runner := range children.runner {
		if runner == r {
			own[pid] = true
		}
	}
	return own
}
