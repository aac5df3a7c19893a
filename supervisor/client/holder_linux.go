package client

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// flocked tells whether somebody holds an exclusive flock on the file, and who.
func flocked(f *os.File) (pid int, held bool) {
	if pid, held := listed(f); held {
		return pid, true
	}
	return 0, probed(f)
}

// listed is what proc(5)'s locks shows. That a lock is not there means little:
// btrfs has other device numbers than stat tells, overlays may have other inodes,
// and locks from another pid namespace are hidden.
func listed(f *os.File) (pid int, held bool) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0, false
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, false
	}
	defer locks.Close()
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// "1: FLOCK  ADVISORY  WRITE 12974 fe:00:9977882 0 EOF"; "->" marks those who wait.
		fields := strings.Fields(lines.Text())
		if len(fields) >= 6 && fields[1] == "FLOCK" && fields[3] == "WRITE" && fields[5] == want {
			pid, _ = strconv.Atoi(fields[4])
			return pid, true
		}
	}
	return 0, false
}

// probed asks the file itself. A holder has it open for writing, and then there
// can be no read lease on it, see fcntl(2). Trying for one refuses nobody a lock:
// whoever opens the file at this moment waits until the lease is given back.
// Somebody who is about to lock the file counts as holding it.
func probed(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK) // closing gives it back, too
		return false
	case errors.Is(err, unix.EAGAIN):
		return true
	}
	return sharedRefused(f) // another user's file, or a file system without leases
}
