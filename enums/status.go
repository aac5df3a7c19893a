package enums

// ExecutionStatus says where one submitted run stands.
type ExecutionStatus string

// The members of [ExecutionStatus].
const (
	ExecutionQueued    ExecutionStatus = "queued"
	ExecutionRunning   ExecutionStatus = "running"
	ExecutionComplete  ExecutionStatus = "complete"
	ExecutionFailed    ExecutionStatus = "failed"
	ExecutionCancelled ExecutionStatus = "cancelled"
)

// ExecutionStatuses returns the members in their order.
func ExecutionStatuses() []ExecutionStatus {
	return []ExecutionStatus{
		ExecutionQueued,
		ExecutionRunning,
		ExecutionComplete,
		ExecutionFailed,
		ExecutionCancelled,
	}
}

// ParseExecutionStatus accepts a member's name and nothing else.
func ParseExecutionStatus(s string) (ExecutionStatus, error) {
	return parse("execution status", s, ExecutionStatuses())
}

// UnmarshalText accepts a member's name and nothing else.
func (x *ExecutionStatus) UnmarshalText(text []byte) error {
	return unmarshal(x, text, ParseExecutionStatus)
}

// Vocabulary returns the enumeration wellhouse.enums.ExecutionStatus.
func (ExecutionStatus) Vocabulary() *Enumeration { return vocabulary("ExecutionStatus") }

// Final reports whether the execution has ended; a final status never changes.
func (x ExecutionStatus) Final() bool {
	return x == ExecutionComplete || x == ExecutionFailed || x == ExecutionCancelled
}

// WellStatus says where one well of an execution stands.
type WellStatus string

// The members of [WellStatus].
const (
	WellPending    WellStatus = "pending"
	WellStarting   WellStatus = "starting"
	WellRunning    WellStatus = "running"
	WellCommitting WellStatus = "committing"
	WellRetryWait  WellStatus = "retry_wait"
	WellComplete   WellStatus = "complete"
	WellFailed     WellStatus = "failed"
	WellCancelled  WellStatus = "cancelled"
)

// WellStatuses returns the members in their order.
func WellStatuses() []WellStatus {
	return []WellStatus{
		WellPending,
		WellStarting,
		WellRunning,
		WellCommitting,
		WellRetryWait,
		WellComplete,
		WellFailed,
		WellCancelled,
	}
}

// ParseWellStatus accepts a member's name and nothing else.
func ParseWellStatus(s string) (WellStatus, error) { return parse("well status", s, WellStatuses()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *WellStatus) UnmarshalText(text []byte) error { return unmarshal(x, text, ParseWellStatus) }

// Vocabulary returns the enumeration wellhouse.enums.WellStatus.
func (WellStatus) Vocabulary() *Enumeration { return vocabulary("WellStatus") }

// Final reports whether the well has ended; a final status never changes.
func (x WellStatus) Final() bool {
	return x == WellComplete || x == WellFailed || x == WellCancelled
}
