package protocol

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// pingPeriod is the time between two pings.
const pingPeriod = 10 * time.Millisecond

// pinged is what became of pings sent one after the other, whether or not the
// one before was answered.
type pinged struct {
	sent, lost int
	took       []time.Duration // sorted
}

func (p pinged) percentile(percent int) time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	return p.took[min(len(p.took)-1, len(p.took)*percent/100)]
}

// ping sends a ping every pingPeriod until done closes.
func ping(t testing.TB, endpoint string, done <-chan struct{}) pinged {
	t.Helper()
	p := dial(t, endpoint, "DEALER")
	defer func() { _ = p.conn.Close() }()
	took, total := make(chan time.Duration, 1), make(chan int, 1)
	go func() { // ends with the last reply, or when none comes
		defer close(took)
		for n, want := 0, -1; want < 0 || n < want; {
			select {
			case want = <-total:
				continue
			default:
			}
			reply, err := p.receive(patience)
			if err != nil || len(reply) != 3 || len(reply[0]) != 8 {
				return
			}
			n++
			took <- time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(reply[0]))))
		}
	}()
	var result pinged
	collected := make(chan struct{})
	go func() { // ends with the one above
		defer close(collected)
		for d := range took {
			result.took = append(result.took, d)
		}
	}()
	send := func() {
		// In front of the delimiter, as a correlation id: it comes back.
		if err := p.send(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())), nil, pingFrame); err != nil {
			t.Errorf("send a ping: %v", err)
		}
	}
	sent := 0
	ticker := time.NewTicker(pingPeriod)
	defer ticker.Stop()
	for over := false; !over; {
		select {
		case <-done:
			over = true
			total <- sent + 1 // and one more, for whom the reader waits
		case <-ticker.C:
		}
		send()
		sent++
	}
	<-collected
	slices.Sort(result.took)
	result.sent, result.lost = sent, sent-len(result.took)
	return result
}

// whilePlateRuns pings while a plate of small wells runs on all cores.
func whilePlateRuns(t testing.TB, w *harness.World, endpoint string, n int) (pinged, message.Execution) {
	t.Helper()
	folder := w.Synthesize(plate.Synthesis{Wells: n, Height: 16, Width: 16, Cells: 1})
	id := w.Submit(folder, harness.Nuclei)
	done := make(chan struct{})
	var x message.Execution
	go func() {
		defer close(done)
		x = w.AwaitEnd(id)
	}()
	result := ping(t, endpoint, done)
	return result, x
}

// The server answers whatever its workers do: not one ping of the whole run is
// lost. How long they take is for the benchmark to tell.
func TestPingWhilePlateRuns(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve()
	result, x := whilePlateRuns(t, w, ipc(w.Places.Socket(s.Port+1000)), wells)
	if result.lost > 0 || result.sent < 10 {
		t.Errorf("%d of %d pings were lost", result.lost, result.sent)
	}
	if x.Status != "complete" || x.ResultsSummary.Complete != wells {
		t.Errorf("the plate ended as %s: %s", x.Status, text(x.Error))
	}
	t.Logf("%d pings beside %d wells: p50 %s, p99 %s, longest %s", result.sent, wells, result.percentile(50), result.percentile(99), result.percentile(100))
}

// The time a ping takes while a 384-well plate runs on all cores, against the
// same server at rest.
func BenchmarkPingWhilePlateRuns(b *testing.B) {
	w := harness.New(b)
	s := w.Serve()
	endpoint := ipc(w.Places.Socket(s.Port + 1000))
	rest := make(chan struct{})
	time.AfterFunc(2*time.Second, func() { close(rest) })
	idle := ping(b, endpoint, rest)
	var busy pinged
	for b.Loop() {
		result, x := whilePlateRuns(b, w, endpoint, 384)
		if x.Status != "complete" {
			b.Fatalf("the plate ended as %s: %s", x.Status, text(x.Error))
		}
		busy.sent, busy.lost, busy.took = busy.sent+result.sent, busy.lost+result.lost, append(busy.took, result.took...)
	}
	slices.Sort(busy.took)
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	b.ReportMetric(float64(busy.sent)/float64(b.N), "pings/op")
	b.ReportMetric(float64(busy.lost), "lost")
	b.ReportMetric(milliseconds(busy.percentile(50)), "p50-ms")
	b.ReportMetric(milliseconds(busy.percentile(99)), "p99-ms")
	b.ReportMetric(milliseconds(idle.percentile(99)), "idle-p99-ms")
	b.ReportMetric(float64(busy.percentile(99))/float64(max(1, idle.percentile(99))), "p99/idle")
	if busy.lost > 0 {
		b.Error(fmt.Errorf("%d pings were lost", busy.lost))
	}
}
