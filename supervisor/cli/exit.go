package cli

import (
	"errors"
	"fmt"
)

// Exit codes of every command.
const (
	ExitComplete    = 0   // done
	ExitFailedWells = 1   // finished, with failed wells
	ExitUsage       = 2   // bad usage or input; nothing was started
	ExitNoServer    = 3   // no server, or the connection was lost
	ExitCancelled   = 4   // somebody else cancelled it
	ExitInternal    = 5   // an error of ours
	ExitInterrupted = 130 // interrupted here
)

// exitError carries the exit code an error leads to.
type exitError struct {
	code int
	err  error // nil when everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as the user's to mend.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{ExitUsage, err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// exit ends with a code after everything was said.
func exit(code int) error { return &exitError{code: code} }

func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return ExitComplete
	case errors.As(err, &e):
		return e.code
	default:
		return ExitUsage // from the parser: see settleExits
	}
}
