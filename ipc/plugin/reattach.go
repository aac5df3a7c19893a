package plugin

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// ReattachOptions tune [Reattach]; see [StartOptions] for Kill and KillTimeout.
type ReattachOptions struct {
	KillTimeout time.Duration
	Kill        func(pid int, signal syscall.Signal) error
}

// Reattach takes over the worker of an earlier server. An error that wraps
// [ErrNotRunning] says that there is nothing to take over; nothing was
// signalled then, and nothing needs to be released.
//
// A worker is taken by what the kernel says: number, start time, boot and the
// marker in its environment. So one that does not answer (it is stopped, say)
// is taken too, for the caller to find it stalled and end it. One that answers
// with another identity is left alone.
func Reattach(ctx context.Context, record Record, options ReattachOptions) (*Worker, error) {
	start := StartOptions{KillTimeout: options.KillTimeout, Kill: options.Kill}.withDefaults()
	p, err := adopt(record, start.Kill)
	if err != nil {
		return nil, fmt.Errorf("reattach worker: %w", err)
	}
	a := newAttached(p)
	w, err := newWorker(a, record, socketDirOf(record.Socket), start.KillTimeout)
	if err != nil {
		a.release()
		return nil, fmt.Errorf("reattach worker: %w", err)
	}
	go a.watch()
	identity, err := w.Identify(ctx)
	if err == nil && (identity.Pid != record.Pid || identity.Marker != record.Marker) {
		w.Detach()
		return nil, fmt.Errorf("reattach worker: %w: socket %s answers as another worker", ErrNotRunning, record.Socket)
	}
	return w, nil
}
