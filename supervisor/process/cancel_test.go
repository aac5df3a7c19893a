//go:build linux

package process

import (
	"context"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// A cancel that comes between the start of a worker and its record is a cancel,
// and no worker that fails to start.
func TestCancelWhileTheWorkerIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := f.Run(ctx, f.spec("A01", order{Do: "sleep"}), func(Record) error {
		cancel()
		return ctx.Err()
	})
	if got.Reason != enums.ReasonCancelled {
		t.Errorf("got %+v", got)
	}
}
