package enums

// Phase says what a progress event reports, as OpenHCS clients name it.
type Phase string

// The members of [Phase].
const (
	PhaseInit          Phase = "init"
	PhaseCompile       Phase = "compile"
	PhaseAxisStarted   Phase = "axis_started"
	PhaseStepStarted   Phase = "step_started"
	PhasePatternGroup  Phase = "pattern_group"
	PhaseStepCompleted Phase = "step_completed"
	PhaseAxisCompleted Phase = "axis_completed"
	PhaseAxisError     Phase = "axis_error"
	PhaseQueued        Phase = "queued"
	PhaseRunning       Phase = "running"
	PhaseSuccess       Phase = "success"
	PhaseFailed        Phase = "failed"
	PhaseCancelled     Phase = "cancelled"
)

// Phases returns the members in their order.
func Phases() []Phase {
	return []Phase{
		PhaseInit,
		PhaseCompile,
		PhaseAxisStarted,
		PhaseStepStarted,
		PhasePatternGroup,
		PhaseStepCompleted,
		PhaseAxisCompleted,
		PhaseAxisError,
		PhaseQueued,
		PhaseRunning,
		PhaseSuccess,
		PhaseFailed,
		PhaseCancelled,
	}
}

// ParsePhase accepts a member's name and nothing else.
func ParsePhase(s string) (Phase, error) { return parse("phase", s, Phases()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *Phase) UnmarshalText(text []byte) error { return unmarshal(x, text, ParsePhase) }

// Vocabulary returns the enumeration wellhouse.enums.Phase.
func (Phase) Vocabulary() *Enumeration { return vocabulary("Phase") }

// ProgressStatus says how a progress event's subject fares, as OpenHCS clients name it.
type ProgressStatus string

// The members of [ProgressStatus].
const (
	ProgressPending   ProgressStatus = "pending"
	ProgressStarted   ProgressStatus = "started"
	ProgressRunning   ProgressStatus = "running"
	ProgressSuccess   ProgressStatus = "success"
	ProgressFailed    ProgressStatus = "failed"
	ProgressCancelled ProgressStatus = "cancelled"
	ProgressError     ProgressStatus = "error"
	ProgressQueued    ProgressStatus = "queued"
)

// ProgressStatuses returns the members in their order.
func ProgressStatuses() []ProgressStatus {
	return []ProgressStatus{
		ProgressPending,
		ProgressStarted,
		ProgressRunning,
		ProgressSuccess,
		ProgressFailed,
		ProgressCancelled,
		ProgressError,
		ProgressQueued,
	}
}

// ParseProgressStatus accepts a member's name and nothing else.
func ParseProgressStatus(s string) (ProgressStatus, error) {
	return parse("progress status", s, ProgressStatuses())
}

// UnmarshalText accepts a member's name and nothing else.
func (x *ProgressStatus) UnmarshalText(text []byte) error {
	return unmarshal(x, text, ParseProgressStatus)
}

// Vocabulary returns the enumeration wellhouse.enums.ProgressStatus.
func (ProgressStatus) Vocabulary() *Enumeration { return vocabulary("ProgressStatus") }
