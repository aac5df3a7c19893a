package server

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/process"
)

// samplePeriod is the time between looks at memory and processes. There is no
// event for either.
const samplePeriod = time.Second

// sampler looks at the server and its workers, so that pings are answered from
// memory and the engine knows what room there is.
type sampler struct {
	server *Server
	mu     sync.Mutex
	now    usage
	before map[int]sampledCPU
}

type sampledCPU struct {
	seconds float64
	at      time.Time
}

// usage is the last look.
type usage struct {
	known                bool
	memoryMB, cpuPercent float64
	workers              []message.Worker
}

func newSampler(s *Server) *sampler {
	return &sampler{server: s, now: usage{workers: []message.Worker{}}, before: map[int]sampledCPU{}}
}

func (m *sampler) latest() usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// run looks once, and then for as long as wells run or the server idles in
// between, until ctx ends.
func (m *sampler) run(ctx context.Context) {
	ticker := time.NewTicker(samplePeriod)
	defer ticker.Stop()
	for {
		m.look()
		if len(m.server.engine.Running()) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-m.server.engine.Changed(): // nothing to see until something starts
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (m *sampler) look() {
	own, err := process.Glance(os.Getpid())
	if err != nil {
		m.server.log.Debug("processes cannot be looked at", "error", err)
		return
	}
	at := m.server.now()
	status := map[int]string{}
	for _, live := range m.server.engine.Running() {
		status[live.Pid] = "running"
	}
	next := usage{known: true, workers: []message.Worker{}, memoryMB: megabytes(own), cpuPercent: m.percent(own, at)}
	seen := map[int]sampledCPU{own.Pid: {own.CPUSeconds, at}}
	used := int64(0)
	for _, child := range m.server.processes.Workers() {
		used += memoryOf(child)
		w := message.Worker{
			PID: child.Pid, Status: "idle", CPUPercent: m.percent(child, at), MemoryMB: megabytes(child),
			CreateTime: float64(child.Started.UnixMilli()) / 1e3,
		}
		if s := status[child.Pid]; s != "" {
			w.Status = s
		}
		next.workers = append(next.workers, w)
		seen[child.Pid] = sampledCPU{child.CPUSeconds, at}
	}
	m.mu.Lock()
	m.now, m.before = next, seen
	m.mu.Unlock()
	if available, err := process.AvailableMemory(); err == nil {
		m.server.engine.SampleMemory(available, used)
	}
}

// percent is the share of one core since the last look, or since the start.
func (m *sampler) percent(n process.Node, at time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, ok := m.before[n.Pid]
	elapsed := at.Sub(before.at).Seconds()
	if !ok || elapsed <= 0 {
		return n.CPUPercent
	}
	return max(0, 100*(n.CPUSeconds-before.seconds)/elapsed)
}

func memoryOf(n process.Node) int64 {
	if n.Proportional > 0 {
		return n.Proportional
	}
	return n.Resident
}

func megabytes(n process.Node) float64 { return float64(memoryOf(n)) / (1 << 20) }
