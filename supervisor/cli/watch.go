package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
)

// These bound how long an interrupted client waits for the end: of wells that
// were asked to end, and of wells that were killed.
const (
	cancelPatience = 30 * time.Second
	killPatience   = 15 * time.Second
)

// sameInterrupt is how close signals are that come of one cause: timeout(1) and
// the end of a terminal send two at once. No finger is as fast.
const sameInterrupt = 50 * time.Millisecond

// awaitInterrupt returns when there was one, and false when ctx has ended.
func awaitInterrupt(ctx context.Context, interrupts <-chan os.Signal) bool {
	select {
	case <-ctx.Done():
		return false
	case <-interrupts:
	}
	rest := time.NewTimer(sameInterrupt)
	defer rest.Stop()
	for {
		select {
		case <-interrupts:
		case <-rest.C:
			return true
		}
	}
}

// watcher follows one execution to its end for a person or a program.
type watcher struct {
	app        *app
	client     *client.Client
	id, title  string
	interrupts <-chan os.Signal
	// cancels: an interrupt ends the execution, not just the watching.
	cancels bool
	// revive starts another server in the place of one that is gone; nil where
	// that is not this command's business.
	revive func(context.Context) error

	show        *show
	leave       context.CancelFunc
	interrupted atomic.Bool
	unreached   atomic.Bool // the wish to cancel reached no server
}

// watch follows an execution, shows it, and ends with its outcome. When it is
// interrupted it cancels the execution, if that is wanted, and waits for its
// end; a second interrupt kills what runs, a third leaves at once.
func (w *watcher) watch(ctx context.Context) error {
	a, id := w.app, w.id
	ctx, w.leave = context.WithCancel(ctx)
	defer w.leave()
	w.show = a.newShow(ctx, w.title, id)
	go w.listen(ctx) // ends with ctx
	x, err := w.client.Follow(ctx, id, client.Follower{
		Event: w.show.event, Status: w.show.status, Away: func(err error) { w.away(ctx, err) },
	})
	w.show.close()
	switch {
	case err != nil && w.interrupted.Load():
		w.tellLeft()
		return exit(ExitInterrupted)
	case err != nil:
		return serverError(err)
	}
	switch err := errors.Join(a.conclude(x, w.title), w.show.failure()); {
	case errors.Is(err, syscall.EPIPE): // whoever read has seen enough; the outcome counts
		fmt.Fprintf(a.errs, "supervisor: nobody reads the output any more; execution %s ended as %s, see `supervisor status %s`\n", id, x.Status, short(id))
	case err != nil && !w.interrupted.Load(): // a closed terminal interrupts and takes no output
		return err
	}
	if w.interrupted.Load() && x.Status == enums.ExecutionCancelled {
		return exit(ExitInterrupted)
	}
	return exitOf(x)
}

// listen acts on interrupts until ctx ends.
func (w *watcher) listen(ctx context.Context) {
	if !awaitInterrupt(ctx, w.interrupts) {
		return
	}
	w.interrupted.Store(true)
	if !w.cancels {
		w.leave()
		return
	}
	w.show.say("interrupted: cancelling; once more to kill what runs")
	if _, err := w.client.Cancel(ctx, w.id); err != nil {
		w.unreached.Store(true)
		w.show.say("cancelling failed: " + err.Error())
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(cancelPatience):
		w.leave()
		return
	case <-w.interrupts:
	}
	w.show.say("interrupted again: killing what runs")
	_, err := w.client.Kill(ctx, w.id)
	w.unreached.Store(err != nil)
	if err != nil {
		w.show.say("killing failed: " + err.Error())
		w.leave()
		return
	}
	select {
	case <-ctx.Done():
	case <-w.interrupts:
	case <-time.After(killPatience):
	}
	w.leave()
}

// away tells that the server does not answer, and puts another in its place
// where it was this command that started it: nobody else would.
func (w *watcher) away(ctx context.Context, err error) {
	w.show.away(err)
	if err == nil || w.revive == nil || w.interrupted.Load() {
		return
	}
	if err := w.revive(ctx); err != nil { // it may live and just be slow: following goes on
		w.show.say("no other server can be started: " + err.Error())
	} else {
		w.show.say("started another server, which takes the plate up")
	}
}

// tellLeft tells what becomes of an execution that was left before its end.
func (w *watcher) tellLeft() {
	switch errs := w.app.errs; {
	case !w.cancels:
		fmt.Fprintf(errs, "Execution %s goes on; follow it with `supervisor wait %s`.\n", w.id, short(w.id))
	case w.unreached.Load():
		fmt.Fprintf(errs, "Execution %s could not be cancelled, since its server does not answer. The next server takes it up; end it with `supervisor cancel %s`.\n", w.id, short(w.id))
	default:
		fmt.Fprintf(errs, "Left execution %s while it was being cancelled; see `supervisor status %s`.\n", w.id, short(w.id))
	}
}
