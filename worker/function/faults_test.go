package function

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runFault is the child process of TestFaultsEndTheProcess.
func runFault(name string) int {
	d, err := Faults().Get(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 90
	}
	if err := d.Apply(&Call{Context: context.Background(), Parameters: d.Parameters, Well: "A01", Attempt: 1}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 91
	}
	return 0
}

func TestFaultsEndTheProcess(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		code   int
		signal syscall.Signal
		says   string
	}{
		"fault_panic":    {code: 2, says: "panic: this panic was asked for"},
		"fault_exit":     {code: 3},
		"fault_segfault": {code: 2, says: "SIGSEGV"},
		"fault_abort":    {code: 2, says: "SIGABRT"},
		"fault_signal":   {code: -1, signal: syscall.SIGKILL},
		"fault_error":    {code: 91, says: "this error was asked for"},
		"fault_log":      {code: 0, says: strings.Repeat("x", 99) + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0])
			child.Env = append(os.Environ(), "WELLHOUSE_TEST_FAULT="+name)
			var stderr bytes.Buffer
			child.Stderr = &stderr
			err := child.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			status := child.ProcessState.Sys().(syscall.WaitStatus)
			if code := child.ProcessState.ExitCode(); code != want.code {
				t.Errorf("exit code is %d, want %d", code, want.code)
			}
			if want.signal != 0 && status.Signal() != want.signal {
				t.Errorf("signal is %v, want %v", status.Signal(), want.signal)
			}
			if !strings.Contains(stderr.String(), want.says) {
				t.Errorf("log is %.300q, want %.40q", stderr.String(), want.says)
			}
		})
	}
}

func TestGrandchildKeepsTheStreams(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "WELLHOUSE_TEST_FAULT=fault_grandchild")
	child.Stdout, child.Stderr = write, write
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	group := child.Process.Pid
	defer syscall.Kill(-group, syscall.SIGKILL)
	if err := syscall.Kill(-group, 0); err != nil {
		t.Fatalf("nothing is left of the group: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		read.Read(make([]byte, 1)) // returns when the last holder is gone
	}()
	select {
	case <-ended:
		t.Error("the stream is closed though a grandchild lives")
	default:
	}
	if err := syscall.Kill(-group, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestFaultsHitOnlyWhatTheyName(t *testing.T) {
	t.Parallel()
	set := map[string]any{"wells": []any{"A01", "B02"}, "attempts": 1}
	for _, test := range []struct {
		well    string
		attempt int
		hit     bool
	}{{"A01", 1, true}, {"B02", 1, true}, {"A01", 2, false}, {"A02", 1, false}} {
		err := apply(t, "fault_error", set, &Call{Well: test.well, Attempt: test.attempt})
		if (err != nil) != test.hit {
			t.Errorf("%s, attempt %d: got %v", test.well, test.attempt, err)
		}
	}
}

func TestSleepEndsWhenStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := apply(t, "fault_sleep", map[string]any{"duration": 3600}, &Call{Context: ctx})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryAndDescriptors(t *testing.T) {
	t.Parallel()
	if err := apply(t, "fault_memory", map[string]any{"bytes": 20 << 20}, &Call{}); err != nil {
		t.Error(err)
	}
	if err := apply(t, "fault_descriptors", map[string]any{"count": 10}, &Call{}); err != nil {
		t.Error(err)
	}
}
