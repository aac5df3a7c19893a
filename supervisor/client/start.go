package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Start says how to start a server when none is there.
type Start struct {
	Binary string   // the supervisor's executable
	Args   []string // "serve" and its flags
	Log    string   // file for what it prints before it has a log of its own
}

// startPatience bounds how long a new server may take until it answers.
const startPatience = 20 * time.Second

// lockPause is the time between tries for the start lock, which another client
// holds while it starts the server that this one will use.
const lockPause = 20 * time.Millisecond

// ReadyFD is the descriptor on which a started server says that it is ready.
const ReadyFD = 3

// ConnectOrStart finds the server or starts it. Clients that come at once give
// one server: the start lock lets one of them start it.
func ConnectOrStart(ctx context.Context, o Options, start Start) (*Client, error) {
	if err := o.Places.Make(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		c, err := quickConnect(ctx, o)
		if err == nil || !errors.Is(err, ErrNoServer) {
			return c, err
		}
		lock, err := result.TryLock(o.Places.StartLock(o.Port), fmt.Sprintf("process %d", os.Getpid()))
		if errors.Is(err, result.ErrLocked) {
			select {
			case <-ctx.Done():
				return nil, fmt.Errorf("wait for another client to start the server: %w", ctx.Err())
			case <-time.After(lockPause):
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lock server start: %w", err)
		}
		c, err = startLocked(ctx, o, start)
		return c, errors.Join(err, lock.Release())
	}
}

func quickConnect(ctx context.Context, o Options) (*Client, error) {
	if o.Host == "" {
		if _, err := os.Stat(o.Places.Socket(o.controlPort())); err != nil {
			return nil, ErrNoServer
		}
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := Connect(short, o)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	return c, err
}

// startLocked starts the server, unless it came up since the last look.
func startLocked(ctx context.Context, o Options, start Start) (*Client, error) {
	if c, err := awaitHolder(ctx, o); c != nil || err != nil {
		return c, err
	}
	if err := spawn(ctx, start); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	c, err := Connect(ctx, o)
	if c != nil {
		c.started = true
	}
	return c, err
}

// holderPatience is how long a server that holds the port may be silent, because
// it starts or ends, before it counts as stuck.
const holderPatience = 10 * time.Second

// awaitHolder returns once nobody holds the port, or with a client of the server
// that holds it.
func awaitHolder(ctx context.Context, o Options) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, holderPatience)
	defer cancel()
	for {
		if c, err := quickConnect(ctx, o); err == nil {
			return c, nil
		}
		if !FindHolder(o).Held {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, silent(o, "", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

// spawn starts a server that belongs to no terminal and outlives us, and waits
// until it says that it is ready or ends.
func spawn(ctx context.Context, start Start) error {
	ready, says, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	log, err := os.OpenFile(start.Log, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return errors.Join(err, says.Close())
	}
	defer log.Close()
	cmd := exec.Command(start.Binary, start.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{says}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, says.Close())
	}
	if err := says.Close(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it may end before us; then nobody else reaps it
	answer := make(chan bool, 1)
	go func() { // ends when the server speaks, ends or our end of the pipe closes
		line, _ := bufio.NewReader(ready).ReadString('\n')
		answer <- line != ""
	}()
	select {
	case ok := <-answer:
		if ok {
			return nil
		}
		return fmt.Errorf("it ended at once: %s", lastLines(log))
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("it does not get ready: %s", lastLines(log)), cmd.Process.Kill())
	}
}

// lastLines are what the server printed last.
func lastLines(f *os.File) string {
	const most = 2048
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	text := make([]byte, min(end, most))
	if _, err := f.ReadAt(text, end-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(text))
}
