//go:build !linux

package process

import "github.com/shirou/gopsutil/v3/process"

// usage of a worker and its descendants at one moment.
type usage struct {
	memory    int64
	peak      int64
	shared    int64
	files     int64
	processes int
}

// measure takes the resident size of the one process for want of better.
func measure(pid int) usage {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return usage{}
	}
	info, err := p.MemoryInfo()
	if err != nil {
		return usage{}
	}
	return usage{memory: int64(info.RSS), peak: int64(info.RSS), processes: 1}
}

func measureAlone(pid int) usage { return measure(pid) }

func proportionalSize(int) int64 { return 0 }

func descendants(int) []int { return nil }
