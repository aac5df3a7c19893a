package message

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Invalid is a request that cannot be carried out as it stands. Its reply is
// {status: "error", error: …}.
type Invalid struct {
	Text string // for the user, and compared by clients' tests: keep it exact
	Code string // for programs, optional: one of the Code… constants
}

func (e *Invalid) Error() string { return e.Text }

// Codes of [Invalid].
const (
	CodeNotFound   = "not_found"  // no such execution
	CodeForbidden  = "forbidden"  // outside of what clients may touch
	CodeBusy       = "busy"       // the server is about to end: another may take it
	CodeUnwritable = "unwritable" // the server's records cannot be written: it may work later
)

// Invalidf makes an [Invalid] without a code.
func Invalidf(format string, arguments ...any) *Invalid {
	return &Invalid{Text: fmt.Sprintf(format, arguments...)}
}

// ExecutionNotFound is the answer to an id that no execution has.
func ExecutionNotFound(id string) *Invalid {
	return &Invalid{Text: fmt.Sprintf("Execution %s not found", shorten(id)), Code: CodeNotFound}
}

// UnknownType is the answer to a request type that does not exist.
func UnknownType(name string) *Invalid {
	return Invalidf("Unknown message type: %s", shorten(name))
}

// shorten keeps what a client sent from filling replies and logs.
func shorten(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Rejection is the reply to an [Invalid] request.
type Rejection struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Code   string `json:"error_code,omitempty"`
}

// Failure is the reply when a payload cannot be read or a handler fails.
type Failure struct {
	Status  string `json:"status"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// EncodeError writes the reply that an error deserves. It always returns one.
func EncodeError(codec Codec, err error) []byte {
	var reply any = Failure{Status: StatusError, Type: TypeError, Message: shorten(err.Error())}
	var invalid *Invalid
	if errors.As(err, &invalid) {
		reply = Rejection{Status: StatusError, Error: invalid.Text, Code: invalid.Code}
	}
	frame, encodeErr := codec.Encode(reply)
	if encodeErr != nil { // cannot happen: both are flat structs of text
		return []byte(`{"status":"error","type":"error","message":"internal error"}`)
	}
	return frame
}

// Refusal writes the reply to a frame that is not going to be read, in the
// codec that its first byte announces.
func Refusal(frame []byte, text string) []byte {
	return EncodeError(CodecOf(frame), errors.New(text))
}

// Error is an error reply, as a client sees it.
type Error struct {
	Text string
	Code string
}

func (e *Error) Error() string { return e.Text }
