package registry

import (
	"errors"
	"strconv"
	"strings"
)

// PathError says where in a value or a type something is wrong. Path reads
// like the access to it: steps[2].parameters.sigma, sizes["A01"].
type PathError struct {
	Path string
	Err  error
}

// Error reads "path: what is wrong".
func (e *PathError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *PathError) Unwrap() error { return e.Err }

// at puts a segment before an error's path on the way out, so that values
// without an error pay nothing for their paths.
func at(segment string, err error) error {
	var inner *PathError
	if !errors.As(err, &inner) {
		return &PathError{Path: segment, Err: err}
	}
	joint := "."
	if strings.HasPrefix(inner.Path, "[") {
		joint = ""
	}
	return &PathError{Path: segment + joint + inner.Path, Err: inner.Err}
}

func atIndex(i int, err error) error { return at("["+strconv.Itoa(i)+"]", err) }

func atKey(key string, err error) error {
	if len(key) > 64 {
		key = strings.ToValidUTF8(key[:64], "") + "…"
	}
	return at("["+strconv.Quote(key)+"]", err)
}
