//go:build linux

package process

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// Attempts that crash, leave orphans and end well side by side: one's sweep must
// not take another's worker, nor its exit status.
func TestManyAtOnce(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Spares = 2 })
	kinds := []struct {
		task   order
		reason enums.ExitReason
		code   int
	}{
		{order{}, enums.ReasonOK, 0},
		{order{Do: "exit", Number: 7}, enums.ReasonPanic, 7},
		{order{Do: "panic"}, enums.ReasonPanic, 2},
		{order{Do: "raise", Number: int(syscall.SIGKILL)}, enums.ReasonSignal, -1},
		{order{Do: "raise", Number: int(syscall.SIGSEGV)}, enums.ReasonSignal, 2},
		{order{Do: "grandchild"}, enums.ReasonOK, 0},
		{order{Do: "grandchild", Number: 5}, enums.ReasonPanic, 5},
		{order{Do: "dead grandchild"}, enums.ReasonOK, 0},
	}
	lanes, rounds := 8, 12
	if testing.Short() {
		rounds = 4
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var all sync.WaitGroup
	for lane := range lanes {
		random := rand.New(rand.NewPCG(seed, uint64(lane)))
		all.Go(func() {
			for round := range rounds {
				kind := kinds[random.IntN(len(kinds))]
				got := f.run(f.spec(fmt.Sprintf("%c%02d", 'A'+lane, round+1), kind.task))
				if got.Reason != kind.reason || got.ExitCode != kind.code {
					t.Errorf("%+v ended as %s, %d: %s", kind.task, got.Reason, got.ExitCode, got.Error)
				}
			}
		})
	}
	all.Wait()
	f.SetSpares(0)
	f.tasks.Wait() // also for a spare that was being started
	f.reapUnknown()
	for _, pid := range plugin.Orphans() {
		if p, ok := plugin.Look(pid); ok && p.Dead() {
			t.Errorf("zombie left: %+v", p)
		}
	}
}
