package process

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// groupRoom is what the control groups that this process is in leave of memory,
// in bytes; math.MaxInt64 when nothing limits it.
func groupRoom() int64 {
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return math.MaxInt64
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return math.MaxInt64
	}
	v1, v2 := ownGroups(string(membership), string(mounts))
	return min(
		roomUpwards(v1["memory"], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
		roomUpwards(v2, "memory.max", "memory.current", "inactive_file "),
	)
}

// roomUpwards is the least that a group and those above it leave. Pages of files
// that were not used lately do not count as taken: the kernel gives them up
// first.
func roomUpwards(folder, limitFile, usageFile, reclaimable string) int64 {
	least := int64(math.MaxInt64)
	for ; folder != "" && folder != "/"; folder = filepath.Dir(folder) {
		limit, limited := number(filepath.Join(folder, limitFile))
		usage, known := number(filepath.Join(folder, usageFile))
		if !limited || !known {
			continue // "max", or no group's folder
		}
		if text, err := os.ReadFile(filepath.Join(folder, "memory.stat")); err == nil {
			usage -= int64(counter(text, reclaimable))
		}
		least = min(least, max(0, limit-usage))
	}
	return least
}

func number(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}
