package message

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// The values of "status" in replies. Clients raise on any other.
const (
	StatusOK       = "ok"
	StatusAccepted = "accepted"
	StatusError    = "error"
	StatusSuccess  = "success"
)

// The values of "type" in replies.
const (
	TypePong        = "pong"
	TypeShutdownAck = "shutdown_ack"
	TypeError       = "error"
)

// Seconds is a moment as the wire has it, in seconds since 1970-01-01 UTC;
// nil for the zero time.
func Seconds(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	seconds := float64(t.UnixMicro()) / 1e6
	return &seconds
}

// Text is a text that may be absent: nil for the empty one.
func Text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Pong answers [Ping]. The first six fields are required by clients.
type Pong struct {
	Type        string     `json:"type"`
	Port        int        `json:"port"`
	ControlPort int        `json:"control_port"`
	Ready       bool       `json:"ready"`  // false: clients do not connect
	Server      string     `json:"server"` // the server's name
	ServerRole  enums.Role `json:"server_role"`

	ServerType          string             `json:"server_type,omitempty"`
	LogFilePath         string             `json:"log_file_path,omitempty"`
	ActiveExecutions    int                `json:"active_executions"`
	RunningExecutions   []RunningExecution `json:"running_executions"`
	QueuedExecutions    []QueuedExecution  `json:"queued_executions"`
	Workers             []Worker           `json:"workers"`
	Uptime              float64            `json:"uptime"` // seconds
	ProgressSubscribers int                `json:"progress_subscribers"`
	ProcessIdentity     *ProcessIdentity   `json:"process_identity,omitempty"`
	CompileStatus       string             `json:"compile_status,omitempty"`
	CompileMessage      string             `json:"compile_message,omitempty"`
	// Both or neither.
	MemoryMB   *float64 `json:"memory_mb,omitempty"`
	CPUPercent *float64 `json:"cpu_percent,omitempty"`

	// Native additions.
	Version     string   `json:"version,omitempty"`
	Fingerprint string   `json:"fingerprint,omitempty"`
	Endpoints   []string `json:"endpoints,omitempty"`
	Persistent  bool     `json:"persistent,omitempty"`
}

// RunningExecution is an execution under way, in short.
type RunningExecution struct {
	ExecutionID string   `json:"execution_id"`
	PlateID     string   `json:"plate_id"`
	StartTime   *float64 `json:"start_time"`
	Elapsed     float64  `json:"elapsed"` // seconds
	CompileOnly bool     `json:"compile_only"`
}

// QueuedExecution is an execution that waits, in short.
type QueuedExecution struct {
	ExecutionID   string `json:"execution_id"`
	PlateID       string `json:"plate_id"`
	QueuePosition int    `json:"queue_position"` // from 1
}

// Worker is a worker process. Clients reject an entry with any other key.
type Worker struct {
	PID        int     `json:"pid"`
	Status     string  `json:"status"`
	CPUPercent float64 `json:"cpu_percent"`
	MemoryMB   float64 `json:"memory_mb"`
	CreateTime float64 `json:"create_time"` // seconds since 1970-01-01 UTC
}

// ProcessIdentity tells a process from a later one with the same pid.
type ProcessIdentity struct {
	PID        int     `json:"pid"`
	CreateTime float64 `json:"create_time"`
}

// Accepted answers [Execute] and [Retry]: the work goes on in the background.
type Accepted struct {
	Status      string `json:"status"`
	ExecutionID string `json:"execution_id"`
	Message     string `json:"message"`
	RetryOf     string `json:"retry_of,omitempty"`
	Workers     int    `json:"workers,omitempty"` // wells at once that the server allows at most
}

// NewAccepted is the reply to a request that was queued at a position from 1.
func NewAccepted(executionID string, position int) Accepted {
	return Accepted{Status: StatusAccepted, ExecutionID: executionID, Message: fmt.Sprintf("Execution queued (position: %d)", position)}
}

// Execution is one execution in full. In a final status its summary is there.
type Execution struct {
	ExecutionID    string                `json:"execution_id"`
	PlateID        string                `json:"plate_id"`
	ClientAddress  *string               `json:"client_address"`
	Status         enums.ExecutionStatus `json:"status"`
	StartTime      *float64              `json:"start_time"`
	EndTime        *float64              `json:"end_time"`
	Error          *string               `json:"error"`
	CompileOnly    bool                  `json:"compile_only"`
	Traceback      string                `json:"traceback,omitempty"`
	ResultsSummary *Summary              `json:"results_summary,omitempty"`

	// Native additions.
	ErrorCode     string   `json:"error_code,omitempty"`
	OutputPath    string   `json:"output_path,omitempty"`
	QueuePosition int      `json:"queue_position,omitempty"`
	Priority      int      `json:"priority,omitempty"`
	RetryOf       string   `json:"retry_of,omitempty"`
	SubmitTime    *float64 `json:"submit_time,omitempty"`
	Percent       float64  `json:"percent"`
	TimeLeft      *float64 `json:"time_left,omitempty"` // of a running one; estimate, seconds
	StartsIn      *float64 `json:"starts_in,omitempty"` // of a queued one; estimate, seconds
	Hold          string   `json:"hold,omitempty"`      // why no well is started at the moment
	Wells         []Well   `json:"wells,omitempty"`
}

// Summary is what an execution came to.
type Summary struct {
	WellCount  int            `json:"well_count"`
	Wells      []string       `json:"wells"`
	Earlier    int            `json:"earlier,omitempty"` // of them, wells that only earlier executions ran
	Complete   int            `json:"complete"`
	Failed     int            `json:"failed"`
	Cancelled  int            `json:"cancelled"`
	Missing    []string       `json:"missing,omitempty"` // wells without a result
	Counts     map[string]int `json:"counts,omitempty"`  // objects by name
	Warnings   []string       `json:"warnings,omitempty"`
	OutputPath string         `json:"output_path,omitempty"`
	Files      []string       `json:"files,omitempty"` // relative to OutputPath
	Elapsed    float64        `json:"elapsed"`         // seconds
}

// Well is how one well fares, or ended.
type Well struct {
	Well     string           `json:"well"`
	Status   enums.WellStatus `json:"status"`
	Attempts int              `json:"attempts"`
	Reason   string           `json:"reason,omitempty"` // enums.ExitReason of the last attempt
	Error    string           `json:"error,omitempty"`
	Step     string           `json:"step,omitempty"`
	Percent  float64          `json:"percent"`
	Warnings []string         `json:"warnings,omitempty"`
	Counts   map[string]int   `json:"counts,omitempty"`
	Elapsed  float64          `json:"elapsed,omitempty"` // seconds
	LogPath  string           `json:"log_path,omitempty"`
	Reused   bool             `json:"reused,omitempty"` // an earlier run's result was kept
	Evidence *Evidence        `json:"evidence,omitempty"`
}

// Evidence is how a well's last attempt ended.
type Evidence struct {
	ExitCode   int      `json:"exit_code"`
	Signal     string   `json:"signal,omitempty"`
	PeakMemory int64    `json:"peak_memory,omitempty"` // bytes
	CPU        float64  `json:"cpu,omitempty"`         // seconds, user and system
	LogTail    []string `json:"log_tail,omitempty"`    // last lines of its log
}

// ExecutionReply answers [Status] with an id.
type ExecutionReply struct {
	Status    string    `json:"status"`
	Execution Execution `json:"execution"`
}

// StatusReply answers [Status] without an id.
type StatusReply struct {
	Status            string             `json:"status"`
	ActiveExecutions  int                `json:"active_executions"`
	Uptime            float64            `json:"uptime"` // seconds
	Executions        []string           `json:"executions"`
	RunningExecutions []RunningExecution `json:"running_executions"`
	QueuedExecutions  []QueuedExecution  `json:"queued_executions"`
}

// Done answers [Cancel].
type Done struct {
	Status        string `json:"status"`
	Message       string `json:"message"`
	WorkersKilled int    `json:"workers_killed"`
}

// ShutdownAck answers [Shutdown] and [ForceShutdown].
type ShutdownAck struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// NewShutdownAck is the reply to a shutdown that is under way.
func NewShutdownAck(text string) ShutdownAck {
	return ShutdownAck{TypeShutdownAck, StatusSuccess, text}
}

// Registration answers [RegisterProgress] and [UnregisterProgress].
type Registration struct {
	Status              string `json:"status"`
	Message             string `json:"message"`
	ClientID            string `json:"client_id"`
	ProgressSubscribers int    `json:"progress_subscribers"`
	// The latest event of every running plate and well, in the data
	// channel's form; only when registering.
	Events []map[string]any `json:"events,omitempty"`
}

// ResultsReply answers [Results].
type ResultsReply struct {
	Status      string  `json:"status"`
	ExecutionID string  `json:"execution_id"`
	OutputPath  string  `json:"output_path"`
	Summary     Summary `json:"summary"`
	Wells       []Well  `json:"wells"`
}

// Process is a process and what it started.
type Process struct {
	PID          int       `json:"pid"`
	Name         string    `json:"name"`
	State        string    `json:"state"`
	CPUPercent   float64   `json:"cpu_percent"`
	MemoryMB     float64   `json:"memory_mb"`
	CPUSeconds   float64   `json:"cpu_seconds"`
	ReadBytes    int64     `json:"read_bytes"`    // from storage
	WrittenBytes int64     `json:"written_bytes"` // to storage
	Age          float64   `json:"age"`           // seconds
	Execution    string    `json:"execution_id,omitempty"`
	Well         string    `json:"well,omitempty"`
	Attempt      int       `json:"attempt,omitempty"`
	Step         string    `json:"step,omitempty"`
	Percent      float64   `json:"percent,omitempty"`
	Children     []Process `json:"children,omitempty"`
}

// PsReply answers [Ps].
type PsReply struct {
	Status string  `json:"status"`
	Tree   Process `json:"tree"`
}

// HistoryReply answers [History].
type HistoryReply struct {
	Status     string      `json:"status"`
	Executions []Execution `json:"executions"`
}

// DecodeReply reads a reply into one of the reply types. An error reply comes
// back as an [*Error].
func DecodeReply(frame []byte, reply any) error {
	if CodecOf(frame) == Pickle {
		fields, err := Pickle.fields(frame)
		if err != nil {
			return err
		}
		if frame, err = JSON.Encode(fields); err != nil {
			return err
		}
	}
	var head struct {
		Status  string `json:"status"`
		Error   any    `json:"error"`
		Message string `json:"message"`
		Code    string `json:"error_code"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	if head.Status == StatusError {
		text, _ := head.Error.(string)
		if text == "" {
			text = head.Message
		}
		return &Error{Text: text, Code: head.Code}
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(frame, reply); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	return nil
}
