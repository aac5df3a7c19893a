package function

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func (FaultPanic) apply(*Call) error { panic("this panic was asked for") }

func (f FaultExit) apply(*Call) error {
	os.Exit(f.Code)
	return nil
}

func (FaultSegfault) apply(*Call) error {
	page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map page: %w", err)
	}
	page[0] = 1
	return errors.New("the write to a protected page went through")
}

func (FaultAbort) apply(*Call) error { return signalSelf(syscall.SIGABRT) }

func (f FaultSignal) apply(*Call) error { return signalSelf(syscall.Signal(f.Signal)) }

func (f FaultHang) apply(*Call) error {
	switch f.Mode {
	case "stopped":
		if err := signalSelf(syscall.SIGSTOP); err != nil {
			return err
		}
	case "busy":
		for n := uint64(0); ; n++ {
			runtime.KeepAlive(n)
		}
	}
	<-make(chan struct{})
	return nil
}

func (f FaultSleep) apply(c *Call) error {
	timer := time.NewTimer(time.Duration(f.Duration * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.Context.Done():
		return c.Context.Err()
	}
}

func (f FaultError) apply(*Call) error { return errors.New(f.Message) }

func (f FaultMemory) apply(c *Call) error {
	const chunk = 16 << 20
	var held [][]byte
	for left := f.Bytes; left > 0 && c.Context.Err() == nil; left -= chunk {
		piece := make([]byte, min(left, chunk))
		for i := 0; i < len(piece); i += 4096 {
			piece[i] = 1 // a page that is not written to costs nothing
		}
		held = append(held, piece)
	}
	runtime.KeepAlive(held)
	return c.Context.Err()
}

// apply leaves a file as shm_open(3) makes it, mapped for as long as the process
// lives.
func (f FaultSharedMemory) apply(c *Call) error {
	file, err := os.CreateTemp("/dev/shm", "wellhouse-fault-"+c.Well+"-")
	if err != nil {
		return fmt.Errorf("make shared memory: %w", err)
	}
	defer file.Close()
	if err := file.Truncate(int64(f.Bytes)); err != nil {
		return fmt.Errorf("make shared memory: %w", err)
	}
	shared, err := syscall.Mmap(int(file.Fd()), 0, f.Bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map shared memory: %w", err)
	}
	for i := 0; i < len(shared); i += 4096 {
		shared[i] = 1
	}
	return nil
}

func (f FaultDescriptors) apply(*Call) error {
	var held []*os.File
	defer func() {
		for _, file := range held {
			_ = file.Close()
		}
	}()
	for range f.Count {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return fmt.Errorf("open file %d: %w", len(held)+1, err)
		}
		held = append(held, file)
	}
	return nil
}

// apply leaves the processes behind when it fails: they are for the server to
// find.
func (f FaultFork) apply(c *Call) error {
	for n := range f.Count {
		child := exec.Command("/bin/sleep", "600")
		if err := child.Start(); err != nil {
			return fmt.Errorf("start process %d: %w", n+1, err)
		}
		if err := child.Process.Release(); err != nil {
			return fmt.Errorf("let go of process %d: %w", n+1, err)
		}
	}
	return nil
}

func (f FaultLog) apply(c *Call) error {
	to := os.Stderr
	if f.To == "stdout" {
		to = os.Stdout
	}
	text := f.Text
	if text == "" {
		text = "x"
	}
	size := f.Line
	if size == 0 {
		size = 64 << 10
	}
	line := bytes.Repeat([]byte(text), size/len(text)+1)[:size]
	if f.Line > 0 {
		line[size-1] = '\n'
	}
	for left := f.Bytes; left > 0 && c.Context.Err() == nil; left -= size {
		if _, err := to.Write(line[:min(left, size)]); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
	}
	return c.Context.Err()
}

// apply forks twice: the shell in between ends, and init or the nearest
// subreaper inherits the sleeper, which holds this process's fds 1 and 2.
func (f FaultGrandchild) apply(c *Call) error {
	command := exec.CommandContext(c.Context, "/bin/sh", "-c", `sleep "$0" &`, strconv.FormatFloat(f.Duration, 'f', -1, 64))
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: f.Session}
	// os.Stdout may have been replaced by now; the descriptors have not.
	for fd, stream := range map[int]*io.Writer{1: &command.Stdout, 2: &command.Stderr} {
		copied, err := syscall.Dup(fd)
		if err != nil {
			return fmt.Errorf("copy descriptor %d: %w", fd, err)
		}
		file := os.NewFile(uintptr(copied), "stream")
		defer file.Close()
		*stream = file
	}
	if err := command.Run(); err != nil {
		return fmt.Errorf("start grandchild: %w", err)
	}
	return nil
}

func (FaultIgnoreStop) apply(*Call) error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	<-make(chan struct{})
	return nil
}
