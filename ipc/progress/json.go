package progress

import (
	"encoding/json"
	"fmt"
)

// wire is an event as clients of the data channel know it. The first part is
// always there, the second only when it says something.
type wire struct {
	Type        string  `json:"type"`
	ExecutionID string  `json:"execution_id"`
	PlateID     string  `json:"plate_id"`
	AxisID      string  `json:"axis_id"`
	StepName    string  `json:"step_name"`
	Phase       string  `json:"phase"`
	Status      string  `json:"status"`
	Percent     float64 `json:"percent"`
	Completed   int64   `json:"completed"`
	Total       int64   `json:"total"`
	Timestamp   float64 `json:"timestamp"`
	PID         int64   `json:"pid"`

	Attempt           int32               `json:"attempt,omitempty"`
	Sequence          uint64              `json:"progress_sequence,omitempty"`
	TotalWells        []string            `json:"total_wells,omitempty"`
	StepNames         []string            `json:"step_names,omitempty"`
	WorkerSlot        string              `json:"worker_slot,omitempty"`
	OwnedWells        []string            `json:"owned_wells,omitempty"`
	WorkerAssignments map[string][]string `json:"worker_assignments,omitempty"`
	Component         string              `json:"component,omitempty"`
	Pattern           string              `json:"pattern,omitempty"`
	Message           string              `json:"message,omitempty"`
	Error             string              `json:"error,omitempty"`
	Traceback         string              `json:"traceback,omitempty"`
}

// wireType is the value of "type" in every event on the data channel.
const wireType = "progress"

// JSON returns the event as one frame of the data channel.
func (x *Event) JSON() ([]byte, error) {
	w := wire{
		Type: wireType, ExecutionID: x.GetExecution(), PlateID: x.GetPlate(), AxisID: x.GetWell(),
		StepName: x.GetStep(), Phase: x.GetPhase(), Status: x.GetStatus(),
		Percent: x.GetPercent(), Completed: x.GetCompleted(), Total: x.GetTotal(),
		Timestamp: x.GetTimestamp(), PID: x.GetPid(),
		Attempt: x.GetAttempt(), Sequence: x.GetSequence(),
		TotalWells: x.GetTotalWells(), StepNames: x.GetStepNames(),
		WorkerSlot: x.GetWorkerSlot(), OwnedWells: x.GetOwnedWells(),
		Component: x.GetComponent(), Pattern: x.GetPattern(),
		Message: x.GetMessage(), Error: x.GetError(), Traceback: x.GetTraceback(),
	}
	if slots := x.GetWorkerAssignments(); len(slots) > 0 {
		w.WorkerAssignments = make(map[string][]string, len(slots))
		for slot, wells := range slots {
			w.WorkerAssignments[slot] = wells.GetNames()
		}
	}
	frame, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode progress event as JSON: %w", err)
	}
	return frame, nil
}

// ParseJSON reads one frame of a data channel, also a foreign server's.
// Fields that it does not know are ignored. The event is validated.
func ParseJSON(frame []byte) (*Event, error) {
	var w wire
	if err := json.Unmarshal(frame, &w); err != nil {
		return nil, fmt.Errorf("decode progress JSON: %w", err)
	}
	if w.Type != wireType {
		return nil, fmt.Errorf("decode progress JSON: type is %q, not %q", w.Type, wireType)
	}
	event := &Event{
		Execution: w.ExecutionID, Plate: w.PlateID, Well: w.AxisID, Attempt: w.Attempt, Sequence: w.Sequence,
		Step: w.StepName, Phase: w.Phase, Status: w.Status,
		Percent: w.Percent, Completed: w.Completed, Total: w.Total,
		Timestamp: w.Timestamp, Pid: w.PID,
		TotalWells: w.TotalWells, StepNames: w.StepNames,
		WorkerSlot: w.WorkerSlot, OwnedWells: w.OwnedWells,
		Component: w.Component, Pattern: w.Pattern,
		Message: w.Message, Error: w.Error, Traceback: w.Traceback,
	}
	if len(w.WorkerAssignments) > 0 {
		event.WorkerAssignments = make(map[string]*Wells, len(w.WorkerAssignments))
		for slot, wells := range w.WorkerAssignments {
			event.WorkerAssignments[slot] = &Wells{Names: wells}
		}
	}
	if err := event.Validate(); err != nil {
		return nil, fmt.Errorf("decode progress JSON: %w", err)
	}
	return event, nil
}
