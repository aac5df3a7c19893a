package enums

// ExitReason says how one attempt at a well ended.
type ExitReason string

// The members of [ExitReason].
const (
	ReasonOK                ExitReason = "ok"
	ReasonFunctionError     ExitReason = "function_error"
	ReasonInputUnreadable   ExitReason = "input_unreadable"
	ReasonPanic             ExitReason = "panic"
	ReasonSignal            ExitReason = "signal"
	ReasonOutOfMemory       ExitReason = "out_of_memory"
	ReasonTimeout           ExitReason = "timeout"
	ReasonStalled           ExitReason = "stalled"
	ReasonStartFailed       ExitReason = "start_failed"
	ReasonHandshakeMismatch ExitReason = "handshake_mismatch"
	ReasonOutputInvalid     ExitReason = "output_invalid"
	ReasonLost              ExitReason = "lost"
	ReasonUnkillable        ExitReason = "unkillable"
	ReasonCancelled         ExitReason = "cancelled"
)

// ExitReasons returns the members in their order.
func ExitReasons() []ExitReason {
	return []ExitReason{
		ReasonOK,
		ReasonFunctionError,
		ReasonInputUnreadable,
		ReasonPanic,
		ReasonSignal,
		ReasonOutOfMemory,
		ReasonTimeout,
		ReasonStalled,
		ReasonStartFailed,
		ReasonHandshakeMismatch,
		ReasonOutputInvalid,
		ReasonLost,
		ReasonUnkillable,
		ReasonCancelled,
	}
}

// ParseExitReason accepts a member's name and nothing else.
func ParseExitReason(s string) (ExitReason, error) { return parse("exit reason", s, ExitReasons()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *ExitReason) UnmarshalText(text []byte) error { return unmarshal(x, text, ParseExitReason) }

// Vocabulary returns the enumeration wellhouse.enums.ExitReason.
func (ExitReason) Vocabulary() *Enumeration { return vocabulary("ExitReason") }
