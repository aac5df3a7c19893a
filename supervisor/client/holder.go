package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Holder is the process that holds a server's port, by its lock.
type Holder struct {
	PID     int    // 0 when it is not known
	Control int    // its control port; 0 when it is not known
	State   string // its data directory; "" when it is not known
	Held    bool   // the lock is held: a server lives, whether it answers or not
}

// holderLine is what a server writes into its lock.
var holderLine = regexp.MustCompile(`process (\d+)(?:, port \d+, control port (\d+)(?:, data directory (.+))?)?`)

// FindHolder looks who holds the port. Where it can it takes no lock itself, so
// that it does not stand in the way of a server that starts.
func FindHolder(o Options) Holder { return holderOf(o.Places.PortLock(o.Port)) }

func holderOf(path string) Holder {
	f, err := os.Open(path)
	if err != nil {
		return Holder{}
	}
	defer f.Close()
	var h Holder
	if text, err := io.ReadAll(io.LimitReader(f, 8<<10)); err == nil {
		if match := holderLine.FindSubmatch(text); match != nil {
			h.PID, _ = strconv.Atoi(string(match[1])) // no number is no knowledge
			h.Control, _ = strconv.Atoi(string(match[2]))
			h.State = string(match[3])
		}
	}
	pid, held := flocked(f)
	h.Held = held
	if pid > 0 {
		h.PID = pid
	}
	return h
}

// sharedRefused tries for a shared lock, which at that moment is in the way of a
// server that starts: for where there is no other way to see a lock.
func sharedRefused(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN) // closing unlocks, too
	}
	return errors.Is(err, unix.EWOULDBLOCK)
}

// endPause is the time between looks at a lock: there is no event for its end
// that leaves it alone.
const endPause = 20 * time.Millisecond

// AwaitEnd waits until no server holds the port.
func AwaitEnd(ctx context.Context, o Options) error {
	ticker := time.NewTicker(endPause)
	defer ticker.Stop()
	for FindHolder(o).Held {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server on port %d to end: %w", o.Port, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}
