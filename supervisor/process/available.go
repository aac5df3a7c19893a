package process

import (
	"fmt"

	"github.com/shirou/gopsutil/v3/mem"
)

// AvailableMemory is how many bytes can be taken before the machine swaps or the
// kernel kills: what the machine has left, or less where a control group that
// this process is in allows less, as in a container or a batch job.
func AvailableMemory() (int64, error) {
	machine, err := mem.VirtualMemory()
	if err != nil {
		return 0, fmt.Errorf("look at memory: %w", err)
	}
	return min(int64(machine.Available), groupRoom()), nil
}
