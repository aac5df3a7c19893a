package store

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// BenchmarkSave measures a change of state (an execution, a well and an attempt)
// per operation, saved by 64 callers at once, and its ratio to the same by one
// caller, where each pays for a flush of its own.
func BenchmarkSave(b *testing.B) {
	rate := func(callers int, d time.Duration) float64 {
		s, err := Open(filepath.Join(b.TempDir(), "state.db"), slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		start := time.Now()
		var saves [64]int
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				for time.Since(start) < d {
					if err := s.Save(context.Background(), pair(fmt.Sprintf("%d-%06d", c, saves[c]), "running", at(0))); err != nil {
						b.Error(err)
						return
					}
					saves[c]++
				}
			})
		}
		all.Wait()
		total := 0
		for _, n := range saves {
			total += n
		}
		return float64(total) / time.Since(start).Seconds()
	}
	for b.Loop() {
		single := rate(1, time.Second)
		grouped := rate(64, time.Second)
		b.ReportMetric(single, "single/s")
		b.ReportMetric(grouped, "grouped/s")
		b.ReportMetric(grouped/single, "×single")
		b.ReportMetric(0, "ns/op")
	}
}
