package wake

import (
	"sync"
	"testing"
	"time"

	zmq "github.com/pebbe/zmq4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// No wake may be lost: each of many goroutines queues an item and wakes; the
// owner must see every item without ever polling in vain.
func TestEveryWakeIsSeen(t *testing.T) {
	t.Parallel()
	context, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	defer context.Term()
	waker, err := New(context)
	if err != nil {
		t.Fatal(err)
	}
	defer waker.Close()

	const senders, each = 8, 500
	var mutex sync.Mutex
	queued := 0
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for range each {
				mutex.Lock()
				queued++
				mutex.Unlock()
				waker.Wake()
			}
		})
	}
	poller := zmq.NewPoller()
	poller.Add(waker.Socket(), zmq.POLLIN)
	for seen := 0; seen < senders*each; {
		polled, err := poller.Poll(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(polled) == 0 {
			t.Fatalf("a wake was lost: saw %d of %d items", seen, senders*each)
		}
		waker.Drain()
		mutex.Lock()
		seen += queued
		queued = 0
		mutex.Unlock()
	}
	group.Wait()
}

func TestWakeAfterCloseDoesNothing(t *testing.T) {
	t.Parallel()
	context, err := zmq.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	defer context.Term()
	waker, err := New(context)
	if err != nil {
		t.Fatal(err)
	}
	waker.Close()
	waker.Wake()
}
