package engine

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// The machine under random schedules of faults in virtual time, see simworld_test.go
// for what can happen and what must hold. One schedule is one seed;
// WELLHOUSE_SIM_SEED replays one, WELLHOUSE_SIM_COUNT says how many.
func TestNoScheduleOfFaultsLosesAWell(t *testing.T) {
	t.Parallel()
	count := uint64(10_000)
	switch {
	case os.Getenv("WELLHOUSE_FAULT_SUITE") == "long":
		count = 1_000_000
	case testing.Short():
		count = 1_000
	}
	first := rand.Uint64N(1 << 40)
	number(t, "WELLHOUSE_SIM_COUNT", &count)
	if number(t, "WELLHOUSE_SIM_SEED", &first) {
		count = 1
	}
	seen := map[string]int{}
	for seed := first; seed < first+count; seed++ {
		w := newWorld(seed, mutant{})
		if count == 1 {
			w.trace = t.Logf
		}
		if err := w.run(); err != nil {
			t.Fatalf("schedule broke an invariant: %v\nreplay it with WELLHOUSE_SIM_SEED=%d", err, seed)
		}
		for what, n := range w.seen {
			seen[what] += n
		}
	}
	t.Logf("%d schedules from seed %d: %v", count, first, seen)
	if count < 1000 {
		return
	}
	for _, what := range []string{
		"crash before a save", "crash after a save", "crash among effects", "crash in between", "drained and restarted",
		"event twice", "full disk", "disk hold", "plate hold", "memory hold", "adopted alive", "adopted dead", "unjudged", "swept", "second commit", "excused",
		"records behind the results",
	} {
		if seen[what] == 0 {
			t.Errorf("no schedule had: %s", what)
		}
	}
}

func number(t *testing.T, name string, into *uint64) bool {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	*into = n
	return true
}

// A simulation that cannot fail proves nothing: each of these machines forgets
// something, and is found out.
func TestSimulationFindsOutForgetfulMachines(t *testing.T) {
	t.Parallel()
	for name, forgets := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20_000) {
				if err := newWorld(seed, forgets()).run(); err != nil {
					t.Logf("found out by schedule %d: %v", seed, err)
					if err := newWorld(seed, mutant{}).run(); err != nil {
						t.Errorf("the true machine fails there too: %v", err)
					}
					return
				}
			}
			t.Error("no schedule noticed")
		})
	}
}

// run plays the schedule to its end.
func (w *simulated) run() error {
	for steps := 0; w.broken == nil; steps++ {
		if steps > 50_000 {
			return fmt.Errorf("no end after %d events", steps)
		}
		if len(w.agenda) == 0 {
			return w.atTheEnd()
		}
		next := heap.Pop(&w.agenda).(appointment)
		w.now = next.at
		w.weather()
		if next.outside != nil {
			next.outside()
			continue
		}
		w.deliver(next.event)
	}
	return w.broken
}
