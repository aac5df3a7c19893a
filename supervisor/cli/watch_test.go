package cli

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What ends a command may send two signals for one: that is not the second
// interrupt, which kills.
func TestSignalsThatComeTogetherAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		interrupts := make(chan os.Signal, 2)
		interrupts <- syscall.SIGTERM
		interrupts <- syscall.SIGTERM
		if !awaitInterrupt(t.Context(), interrupts) || len(interrupts) != 0 {
			t.Errorf("%d interrupts are left of two at once", len(interrupts))
		}
		interrupts <- os.Interrupt
		time.AfterFunc(4*sameInterrupt, func() { interrupts <- os.Interrupt })
		if !awaitInterrupt(t.Context(), interrupts) {
			t.Error("an interrupt was not seen")
		}
		<-time.After(5 * sameInterrupt) // virtual
		if len(interrupts) != 1 {
			t.Error("a second interrupt was lost")
		}
		ended, end := context.WithCancel(t.Context())
		end()
		<-interrupts
		if awaitInterrupt(ended, interrupts) {
			t.Error("an interrupt was seen where there was none")
		}
	})
}
