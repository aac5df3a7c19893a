//go:build linux

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// kill -9 of the server at random moments, up to three times an execution, while
// a client waits: the plate ends as if nothing had happened.
func TestFaultServerIsKilled(t *testing.T) {
	t.Parallel()
	reference(t, 4)
	const worlds = 4
	for i := range worlds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := failpointWorld(t)
			if i == 0 {
				w = harness.New(t) // with the race detector, where the test has it
			}
			killServer(t, w, seeded(t), count(20, 500)/worlds)
		})
	}
}

func killServer(t *testing.T, w *harness.World, rng *rand.Rand, kills int) {
	t.Helper()
	w.Setenv("WELLHOUSE_FAULTS", "1")
	plate := plateOf(t, w, 4)
	// Wells in every phase at once: two slots, short and long ones, a failure.
	pipeline := steps("fault_error", "wells: [A02]") +
		"  - {name: wait, from: pipeline_start, function: fault_sleep, with: {duration: 0.15, wells: [A01, B01]}}\n"
	expect := expectation{4, map[string]want{"A02": {"failed", "function_error"}}}
	server := w.Serve("--workers", "2")
	began := time.Now()
	check(t, w, w.AwaitEnd(w.Submit(plate, pipeline, "--fresh")), expect)
	usual := time.Since(began)
	for kills > 0 && !t.Failed() {
		id := w.Submit(plate, pipeline, "--fresh", "--retries", strconv.Itoa(rng.IntN(2)))
		ended := follow(w, id)
		for range min(kills, 1+rng.IntN(3)) {
			kills--
			select {
			case <-time.After(time.Duration(rng.Int64N(int64(usual)))):
			case <-w.Context().Done():
			}
			server.Kill()
			server = w.Serve("--workers", "2")
		}
		x, err := ended()
		if err != nil {
			t.Fatalf("the waiting client got: %v", err)
		}
		check(t, w, x, expect)
	}
}

// follow waits for an execution's end beside the test, as `wait` does.
func follow(w *harness.World, id string) func() (message.Execution, error) {
	c := w.Client()
	var x message.Execution
	var err error
	var waiting sync.WaitGroup
	waiting.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		x, err = c.Follow(ctx, id, client.Follower{})
	})
	return func() (message.Execution, error) {
		waiting.Wait()
		return x, err
	}
}
