package process

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// dataRoom is added to RLIMIT_DATA: the kernel counts private writable address
// space, so also the stacks of threads (8 MiB each) that are hardly touched.
const dataRoom = 128 << 20

// setLimits applies the limits that the kernel holds for one process. It works
// on a process that has started; children inherit them.
func setLimits(pid int, limits Limits) error {
	// Not 0: a pipe in core_pattern ignores that, and heeds 1.
	if err := setLimit(pid, unix.RLIMIT_CORE, 1); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if limits.Memory > 0 {
		if err := setLimit(pid, unix.RLIMIT_DATA, uint64(limits.Memory)+dataRoom); err != nil {
			return fmt.Errorf("limit memory: %w", err)
		}
	}
	if limits.OpenFiles > 0 {
		if err := setLimit(pid, unix.RLIMIT_NOFILE, uint64(limits.OpenFiles)); err != nil {
			return fmt.Errorf("limit open files: %w", err)
		}
	}
	return nil
}

func setLimit(pid, resource int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &now); err != nil {
		return ignoreEnded(err)
	}
	most = min(most, now.Max) // a hard limit from outside stays
	return ignoreEnded(unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil))
}

// ignoreEnded: a process that has ended is within every limit, and its end is
// noticed elsewhere.
func ignoreEnded(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
