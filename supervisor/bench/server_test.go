package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

const sleeping = `name: sleeping
steps:
  - name: sleep
    function: fault_sleep
    with: {duration: 3600}
`

// sleepers is a server with so many live workers.
func sleepers(b *testing.B, w *harness.World, n int) (*harness.Server, string) {
	b.Helper()
	w.Setenv("WELLHOUSE_FAULTS", "1")
	dir := w.Synthesize(plate.Synthesis{Wells: n, Rows: 1, Columns: 1, Width: 16, Height: 16, Cells: 1})
	s := w.Serve("--workers", fmt.Sprint(n), "--log-level", "debug")
	id := w.Submit(dir, sleeping)
	w.Await(id, "every worker to run", func(x message.Execution) bool {
		running := 0
		for _, v := range x.Wells {
			if v.Status == enums.WellRunning {
				running++
			}
		}
		return running == n
	}, nil)
	return s, id
}

// BenchmarkWorkersCost: memory and descriptors of the server per live worker.
func BenchmarkWorkersCost(b *testing.B) {
	for _, n := range []int{16, 96, 384} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var memory, files []float64
			for b.Loop() {
				w := harness.New(b)
				s := w.Serve()
				idle, idleFiles := look(b, s.Pid())
				s.Stop()
				s, id := sleepers(b, w, n)
				busy, busyFiles := look(b, s.Pid())
				memory = append(memory, float64(busy-idle)/float64(n)/(1<<10))
				files = append(files, float64(busyFiles-idleFiles)/float64(n))
				w.OK("cancel", id)
				w.AwaitEnd(id)
				s.Stop()
			}
			b.ReportMetric(median(memory), "server-KiB/worker")
			b.ReportMetric(median(files), "server-fds/worker")
		})
	}
}

func look(b *testing.B, pid int) (memory int64, files int) {
	b.Helper()
	n, err := process.Tree(pid)
	if err != nil {
		b.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "fd"))
	if err != nil {
		b.Skip("needs /proc")
	}
	return n.Resident, len(entries)
}

// BenchmarkReattach: from starting a server to having taken over 96 workers that
// a killed one left, against starting an idle server.
func BenchmarkReattach(b *testing.B) {
	const workers = 96
	var all, idle []float64
	for b.Loop() {
		w := harness.New(b)
		s, id := sleepers(b, w, workers)
		s.Kill()
		began := time.Now()
		s = w.Serve("--workers", fmt.Sprint(workers), "--log-level", "debug")
		log := filepath.Join(w.Places.Logs(), "server-7777.log")
		for deadline := time.Now().Add(harness.Patience); ; {
			if strings.Count(w.Read(log), `msg="worker taken over"`) == workers {
				break
			}
			if time.Now().After(deadline) {
				b.Fatalf("%d of %d workers are taken over", strings.Count(w.Read(log), `msg="worker taken over"`), workers)
			}
		}
		all = append(all, time.Since(began).Seconds())
		w.OK("cancel", id)
		w.AwaitEnd(id)
		s.Stop()
		began = time.Now()
		s = w.Serve("--workers", fmt.Sprint(workers))
		idle = append(idle, time.Since(began).Seconds())
		s.Stop()
	}
	b.ReportMetric(1e3*median(all), "ms-to-96-workers")
	b.ReportMetric(1e3*median(idle), "ms-to-idle-server")
	b.ReportMetric(median(all)/median(idle), "x-idle-start")
}
