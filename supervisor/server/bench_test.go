package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// instant is an edge whose wells take no time: what is left is deciding and
// writing down.
type instant struct{ wells int }

func (i instant) Compile(context.Context, engine.Execution) (engine.Compilation, error) {
	c := engine.Compilation{}
	for n := range i.wells {
		c.Wells = append(c.Wells, engine.CompiledWell{Name: fmt.Sprintf("W%04d", n)})
	}
	return c, nil
}

func (instant) Start(_ context.Context, _ engine.Start, report engine.Report) engine.Ended {
	_ = report.Spawned(1, json.RawMessage(`{}`))
	report.Running()
	return engine.Ended{Evidence: engine.Attempt{Reason: enums.ReasonOK}}
}

func (i instant) Adopt(ctx context.Context, order engine.Adopt, report engine.Report) engine.Ended {
	return i.Start(ctx, engine.Start(order), report)
}

func (instant) Commit(context.Context, engine.Execution, engine.Well, int) error { return nil }

func (instant) Merge(context.Context, engine.Execution, []engine.Well) (json.RawMessage, error) {
	return nil, nil
}

func (instant) Publish(engine.Change) {}

// forgetful is a journal that keeps nothing.
type forgetful struct{}

func (forgetful) Save(context.Context, []engine.Execution, []engine.Well) error { return nil }

// BenchmarkDurability is what writing everything down costs per well: a plate of
// wells that take no time, with the store on and off.
func BenchmarkDurability(b *testing.B) {
	const wells, slots = 384, 8
	run := func(j engine.Journal) time.Duration {
		e := engine.New(engine.Options{
			Config: engine.Config{Workers: slots}, Edge: instant{wells}, Journal: j, Logger: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		began := time.Now()
		if err := e.Submit(ctx, engine.Execution{ID: "x"}); err != nil {
			b.Fatal(err)
		}
		for {
			changed := e.Changed()
			if x, _, _ := e.Execution("x"); x.Status.Final() {
				break
			}
			<-changed
		}
		took := time.Since(began)
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		return took
	}
	var on, off time.Duration
	runs := 0
	for b.Loop() {
		opened, err := store.Open(filepath.Join(b.TempDir(), "store.db"), slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		on += run(journal{store: opened, log: slog.New(slog.DiscardHandler), now: time.Now, waits: new(atomic.Pointer[string])})
		off += run(forgetful{})
		runs++
		if err := opened.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perWell := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(runs*wells) }
	b.ReportMetric(perWell(on), "µs/well-store-on")
	b.ReportMetric(perWell(off), "µs/well-store-off")
	b.ReportMetric(perWell(on-off), "µs/well-for-durability")
}
