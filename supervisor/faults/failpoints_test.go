//go:build linux

package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// Every place on the way from the submission to the merged tables where a server
// or a worker can stop: each write (in its middle), flush, rename, removal, save,
// effect and process start. One run lists them; then each is stopped at, once,
// and in the long run each pair of one and another of the life after it.
func TestFaultStoppedAnywhere(t *testing.T) {
	t.Parallel()
	reference(t, stopWells)
	first := stopAt(t, "")
	if len(first.hits) < 100 {
		t.Fatalf("only %d places were found: %v", len(first.hits), first.hits)
	}
	t.Logf("%d places: %s", len(first.hits), strings.Join(first.hits, "; "))
	part, parts := shard(t)
	var pairs atomic.Int64
	t.Cleanup(func() { t.Logf("%d pairs of places, part %d of %d", pairs.Load(), part, parts) })
	for i, one := range first.hits {
		t.Run(one, func(t *testing.T) {
			t.Parallel()
			if i%parts != part {
				return
			}
			second := stopAt(t, one)
			if count(0, 1) == 0 {
				return
			}
			for _, other := range second.hits {
				t.Run(other, func(t *testing.T) { stopAt(t, one, other) })
				pairs.Add(1)
			}
		})
	}
}

// shard is the part of the places that this run is to stop at first: all pairs
// take hours, and can be shared out.
func shard(t *testing.T) (part, parts int) {
	t.Helper()
	text := os.Getenv("WELLHOUSE_FAULT_SHARD")
	if text == "" {
		return 0, 1
	}
	if n, err := fmt.Sscanf(text, "%d/%d", &part, &parts); n != 2 || err != nil || part < 0 || part >= parts {
		t.Fatalf("WELLHOUSE_FAULT_SHARD=%s: want I/N with I from 0 to N-1", text)
	}
	return part, parts
}

const stopWells = 3

// stopPipeline has a well that ends well, one whose function fails, and one that
// is tried twice.
var stopPipeline = steps("fault_error", "wells: [A02]") +
	"  - {name: crash, from: pipeline_start, function: fault_exit, with: {code: 3, wells: [A03], attempts: 1}}\n"

var stopExpectation = expectation{stopWells, map[string]want{"A02": {enums.WellFailed, enums.ReasonFunctionError}}}

// done are the wells that are past losing anything when a run with one slot is
// stopped at the place: their worker has ended.
func done(place string) []string {
	for _, after := range []string{"task answered", "worker ended", "worker swept", "attempt judged", "append worker log", "attempt finished"} {
		if number, found := strings.CutPrefix(place, after+"#"); found && number <= "2" {
			return []string{"A0" + number}
		}
	}
	for _, committing := range []string{" A01.1/commit.json", " wells/A01", " ID/A01.1", "rename A01/1"} {
		if strings.Contains(place, committing) && !strings.HasPrefix(place, "worker ") && !strings.HasSuffix(place, "ID/A01.1#1") {
			return []string{"A01"}
		}
	}
	for _, merging := range []string{"merge", "joblog", "manifest", "plate.", ".csv", "jobs/ID"} {
		if strings.Contains(place, merging) && !strings.HasPrefix(place, "remove .wellhouse/merge#1") {
			return []string{"A01", "A02"}
		}
	}
	return nil
}

// lived is a run with stops.
type lived struct {
	hits []string // places passed in the life after the last stop
}

// stopAt runs the plate and stops its server or a worker at the given places: at
// the first in the first life, at the next in the next. It is restarted each
// time, and must end as if nothing had happened.
func stopAt(t *testing.T, places ...string) lived {
	t.Helper()
	w := failpointWorld(t)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	life := 0
	serve := func() *harness.Server {
		dir := w.Path(fmt.Sprintf("life-%d", life))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		w.Setenv("WELLHOUSE_FAILPOINT_DIR", dir)
		point := ""
		if life < len(places) {
			point = places[life]
		}
		w.Setenv("WELLHOUSE_FAILPOINT", point)
		life++
		server, ready := w.TryServe("--workers", "1", "--spares", "0")
		if !ready { // it was stopped before it answered
			server.Wait()
		}
		return server
	}
	server := serve()
	id := uuid.NewString()
	submitted := false
	var x message.Execution
	for {
		submitted = submitted || submit(t, w, server, id)
		if submitted {
			x = endOf(t, w, server, id)
		}
		if x.Status.Final() {
			break
		}
		if life > len(places)+1 {
			t.Fatalf("stopped at %v, and then again", places)
		}
		server = serve()
	}
	check(t, w, x, stopExpectation)
	for _, v := range x.Wells {
		if len(places) == 1 && slices.Contains(done(places[0]), v.Well) && v.Attempts != 1 {
			t.Errorf("well %s took %d attempts: what its worker had done was lost", v.Well, v.Attempts)
		}
	}
	if t.Failed() {
		t.Logf("stopped at %v", places)
	}
	return lived{hits: traced(t, w.Path(fmt.Sprintf("life-%d", life-1)))}
}

// submit hands the plate in, as often as it takes: it returns false when the
// server ended before it replied.
func submit(t *testing.T, w *harness.World, server *harness.Server, id string) bool {
	t.Helper()
	ctx, cancel := whileAlive(w, server)
	defer cancel()
	c, err := client.Connect(ctx, client.Options{Places: w.Places, Port: server.Port})
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.Submit(ctx, message.Execute{
		PlateID: plateOf(t, w, stopWells), PipelineCode: stopPipeline, OutputPath: w.Path("results", "out"), SubmissionID: id,
	})
	var refusal *message.Error
	if errors.As(err, &refusal) {
		t.Fatalf("the submission was refused: %v", err)
	}
	return err == nil
}

// endOf waits for the end of an execution or its server, and returns what it saw
// last.
func endOf(t *testing.T, w *harness.World, server *harness.Server, id string) message.Execution {
	t.Helper()
	ctx, cancel := whileAlive(w, server)
	defer cancel()
	c, err := client.Connect(ctx, client.Options{Places: w.Places, Port: server.Port})
	if err != nil {
		return message.Execution{}
	}
	defer c.Close()
	x, err := c.Follow(ctx, id, client.Follower{})
	select {
	case <-server.Ended():
	default:
		if err != nil {
			t.Fatalf("follow execution %s: %v", id, err)
		}
	}
	return x
}

// whileAlive is a context that ends with the server.
func whileAlive(w *harness.World, server *harness.Server) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(w.Context())
	go func() { // ends with the context
		select {
		case <-server.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// traced are the places that processes passed, each once.
func traced(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "trace"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there was nothing left to do
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}
