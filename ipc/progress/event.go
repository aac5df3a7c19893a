package progress

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Encode returns the event as the frame that workers push.
func (x *Event) Encode() ([]byte, error) {
	frame, err := proto.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encode progress event: %w", err)
	}
	return frame, nil
}

// Decode reads a frame that a worker pushed, and validates it.
func Decode(frame []byte) (*Event, error) {
	event := &Event{}
	if err := proto.Unmarshal(frame, event); err != nil {
		return nil, fmt.Errorf("decode progress event: %w", err)
	}
	if err := event.Validate(); err != nil {
		return nil, fmt.Errorf("decode progress event: %w", err)
	}
	return event, nil
}

// Validate reports what clients would refuse: a phase or status that is not
// in the vocabulary, a percent outside [0, 100], more completed than there is.
func (x *Event) Validate() error {
	if x.GetExecution() == "" {
		return fmt.Errorf("execution is missing")
	}
	if _, err := enums.ParsePhase(x.GetPhase()); err != nil {
		return err
	}
	if _, err := enums.ParseProgressStatus(x.GetStatus()); err != nil {
		return err
	}
	// The form of the comparison refuses NaN too.
	if p := x.GetPercent(); !(p >= 0 && p <= 100) {
		return fmt.Errorf("percent %v is not in [0, 100]", p)
	}
	if x.GetCompleted() < 0 || x.GetCompleted() > x.GetTotal() {
		return fmt.Errorf("completed %d is not in [0, total %d]", x.GetCompleted(), x.GetTotal())
	}
	if t := x.GetTimestamp(); math.IsNaN(t) || math.IsInf(t, 0) {
		return fmt.Errorf("timestamp %v is not a time", t)
	}
	return nil
}

// Seconds is a time as the wire has it: seconds since 1970-01-01 UTC.
func Seconds(t time.Time) float64 {
	return float64(t.UnixMicro()) / 1e6
}

// Time is the reverse of [Seconds], in UTC to the microsecond.
func Time(seconds float64) time.Time {
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}
