package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Failure is why a well did not complete.
type Failure struct {
	Reason enums.ExitReason
	Step   string // where, if in a step
	File   string // the image that could not be read, below the plate's root
	Err    error
}

// longestError bounds what is said of a failure, in bytes: a function may say
// anything, and it goes into replies, records and events.
const longestError = 16 << 10

func (f *Failure) Error() string {
	text := f.Err.Error()
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + "…"
	}
	return text
}
func (f *Failure) Unwrap() error { return f.Err }

// unreadable says that an image could not be read.
func unreadable(step, path string, err error) *Failure {
	var bad *plate.UnreadableError
	if errors.As(err, &bad) {
		err = bad.Err // the path below the plate's root says as much
	}
	return &Failure{
		Reason: enums.ReasonInputUnreadable,
		Step:   step,
		File:   path,
		Err:    fmt.Errorf("step %s: read image %s: %w", step, path, orAway(err)),
	}
}

// functionFailed says that a function returned an error, or broke its contract.
func functionFailed(ctx context.Context, step, name string, err error) *Failure {
	if ctx.Err() != nil {
		return cancelled(ctx, step)
	}
	if result.NoSpace(err) { // its temporary files are where results go
		err = orNoRoom(err)
	}
	return &Failure{
		Reason: enums.ReasonFunctionError,
		Step:   step,
		Err:    fmt.Errorf("step %s: function %s: %w", step, name, err),
	}
}

func cancelled(ctx context.Context, step string) *Failure {
	return &Failure{
		Reason: enums.ReasonCancelled,
		Step:   step,
		Err:    fmt.Errorf("step %s: %w", step, context.Cause(ctx)),
	}
}

// What is in the error of every attempt that failed for want of disk room, or
// because a share cannot be reached: the reason to wait, and not to blame the well.
const (
	NoRoom = "no room is left for results"
	Away   = "the share is away"
)

// writeFailed says that results could not be written.
func writeFailed(step string, err error) *Failure {
	return &Failure{Reason: enums.ReasonOutputInvalid, Step: step, Err: fmt.Errorf("write results: %w", orNoRoom(err))}
}

// orNoRoom names want of disk room, or of the disk, where that is what is wrong.
func orNoRoom(err error) error {
	if result.NoSpace(err) || errors.Is(err, syscall.EROFS) { // a disk that cannot be written has none
		return fmt.Errorf("%s: %w", NoRoom, err)
	}
	return orAway(err)
}

func orAway(err error) error {
	if result.Away(err) {
		return fmt.Errorf("%s: %w", Away, err)
	}
	return err
}

// failureOf turns any error of a run into a Failure.
func failureOf(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Reason: enums.ReasonFunctionError, Err: err}
}
