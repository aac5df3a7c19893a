package loop

import (
	"context"
	"path/filepath"
	"testing"
)

// A loop ends when it is told to, also when it is being woken for something else
// at that moment.
func TestEndIsNotMissed(t *testing.T) {
	t.Parallel()
	for range 300 {
		l, err := Listen(Options{
			Control:   []Endpoint{{Address: ipcPrefix + filepath.Join(t.TempDir(), "c")}},
			OnRequest: func(Request) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done, woken := make(chan error, 1), make(chan struct{})
		go func() { done <- l.Run(ctx) }()
		go func() {
			defer close(woken)
			for range 200 {
				l.waker.Wake()
			}
			stop()
		}()
		if err := wait(t, done, "the loop to end"); err != nil {
			t.Fatal(err)
		}
		<-woken
	}
}
