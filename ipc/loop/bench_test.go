package loop

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

// event is what a worker sends most.
func event(b *testing.B) []byte {
	b.Helper()
	frame, err := (&progress.Event{
		Execution: "20240229-235959-abcdef", Plate: "/data/plates/2024-02-29/plate_01", Well: "A01", Attempt: 1, Sequence: 12345,
		Step: "segment nuclei", Phase: "pattern_group", Status: "running", Percent: 37.5, Completed: 3, Total: 8,
		Timestamp: 1709251199.25, Pid: 12345,
	}).Encode()
	if err != nil {
		b.Fatal(err)
	}
	return frame
}

func benchSocket(b *testing.B, kind zmq.Type, mark int) *zmq.Socket {
	b.Helper()
	zctx, err := zmq.NewContext()
	if err != nil {
		b.Fatal(err)
	}
	socket, err := zctx.NewSocket(kind)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = socket.Close()
		_ = zctx.Term()
	})
	if err := errors.Join(socket.SetLinger(0), socket.SetSndhwm(mark), socket.SetRcvhwm(mark)); err != nil {
		b.Fatal(err)
	}
	return socket
}

// push sends n frames as fast as the other side takes them.
func push(socket *zmq.Socket, frame []byte, n int) error {
	for range n {
		if _, err := socket.SendBytes(frame, 0); err != nil {
			return err
		}
	}
	return nil
}

func benchLoop(b *testing.B, options Options) (*Loop, string) {
	b.Helper()
	folder := b.TempDir()
	endpoint := ipcPrefix + filepath.Join(folder, "p")
	options.Control = []Endpoint{{Address: ipcPrefix + filepath.Join(folder, "c")}}
	options.Progress = Endpoint{Address: endpoint}
	l, err := Listen(options)
	if err != nil {
		b.Fatal(err)
	}
	go l.Run(context.Background())
	b.Cleanup(l.Close)
	return l, endpoint
}

// BenchmarkProgress sends the same frames over a bare PUSH/PULL pair of
// libzmq, and through the loop, which also decodes and validates them. The
// ratio is the loop's rate over the bare one.
func BenchmarkProgress(b *testing.B) {
	frame := event(b)
	var bare, through time.Duration
	var frames int
	for b.Loop() {
		const n = 100_000
		frames += n
		bare += barePair(b, frame, n)
		through += throughLoop(b, frame, n)
	}
	b.ReportMetric(float64(frames)/bare.Seconds(), "bare-frames/s")
	b.ReportMetric(float64(frames)/through.Seconds(), "loop-frames/s")
	b.ReportMetric(bare.Seconds()/through.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

func barePair(b *testing.B, frame []byte, n int) time.Duration {
	endpoint := ipcPrefix + filepath.Join(b.TempDir(), "p")
	pull, sender := benchSocket(b, zmq.PULL, progressMark), benchSocket(b, zmq.PUSH, progressMark)
	if err := errors.Join(pull.Bind(endpoint), sender.Connect(endpoint)); err != nil {
		b.Fatal(err)
	}
	sent := make(chan error, 1)
	start := time.Now()
	go func() { sent <- push(sender, frame, n) }()
	for range n {
		if _, err := pull.RecvBytes(0); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(start)
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
	return took
}

func throughLoop(b *testing.B, frame []byte, n int) time.Duration {
	var received atomic.Int64
	done := make(chan time.Time, 1)
	_, endpoint := benchLoop(b, Options{
		OnRequest: func(Request) {},
		OnProgress: func(*progress.Event) {
			if received.Add(1) == int64(n) {
				done <- time.Now()
			}
		},
	})
	sender := benchSocket(b, zmq.PUSH, progressMark)
	if err := sender.Connect(endpoint); err != nil {
		b.Fatal(err)
	}
	sent := make(chan error, 1)
	start := time.Now()
	go func() { sent <- push(sender, frame, n) }()
	took := (<-done).Sub(start)
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkControlUnderProgress asks one question after the other, first of
// an idle loop and then while 100 000 progress frames a second arrive.
func BenchmarkControlUnderProgress(b *testing.B) {
	const rate, tick = 100_000, time.Millisecond
	frame := event(b)
	var l *Loop
	l, endpoint := benchLoop(b, Options{OnRequest: func(r Request) { l.Reply(r, r.Payload) }})
	client := benchSocket(b, zmq.REQ, 10)
	if err := client.Connect(l.ControlEndpoints()[0]); err != nil {
		b.Fatal(err)
	}
	ask := func() time.Duration {
		start := time.Now()
		if _, err := client.Send("ping", 0); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Recv(0); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var idle []time.Duration
	for range 2000 {
		idle = append(idle, ask())
	}

	sender := benchSocket(b, zmq.PUSH, progressMark)
	if err := sender.Connect(endpoint); err != nil {
		b.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		start, sent := time.Now(), 0
		for {
			select {
			case <-stop:
				return
			case now := <-ticker.C:
				due := int(now.Sub(start).Seconds() * rate)
				if err := push(sender, frame, due-sent); err != nil {
					return
				}
				sent = due
			}
		}
	}()
	before, start := l.Stats().Progress, time.Now()
	var loaded []time.Duration
	for b.Loop() {
		loaded = append(loaded, ask())
	}
	achieved := float64(l.Stats().Progress-before) / time.Since(start).Seconds()
	close(stop)
	<-stopped
	micro := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	b.ReportMetric(achieved, "frames/s")
	b.ReportMetric(micro(percentile(idle, 50)), "idle-p50-µs")
	b.ReportMetric(micro(percentile(idle, 99)), "idle-p99-µs")
	b.ReportMetric(micro(percentile(loaded, 50)), "p50-µs")
	b.ReportMetric(micro(percentile(loaded, 99)), "p99-µs")
	b.ReportMetric(float64(percentile(loaded, 99))/float64(percentile(idle, 99)), "p99-ratio")
}

func percentile(values []time.Duration, p int) time.Duration {
	slices.Sort(values)
	return values[(len(values)-1)*p/100]
}
