package message

import (
	"fmt"
	"path/filepath"
)

// The values of "type" in requests.
const (
	TypePing               = "ping"
	TypeExecute            = "execute"
	TypeStatus             = "status"
	TypeCancel             = "cancel"
	TypeShutdown           = "shutdown"
	TypeForceShutdown      = "force_shutdown"
	TypeRegisterProgress   = "register_progress"
	TypeUnregisterProgress = "unregister_progress"
	// Native ones.
	TypeRetry   = "retry"
	TypeResults = "results"
	TypePs      = "ps"
	TypeHistory = "history"
)

// MaxReply is how many bytes a reply has at most: clients take no more, and lose
// the connection over it.
const MaxReply = 64 << 20

// Bytes that a field may have at most.
const (
	maxID     = 256
	maxPath   = 4096    // as the kernel has it
	maxFilter = 1 << 16 // every well of a 1536-well plate by name, several times over
)

// Request is one of this package's request types.
type Request interface {
	// MessageType is the value of the "type" field.
	MessageType() string
}

// Ping asks whether a server is there, and how it is. Reply: [Pong].
type Ping struct{}

// Execute queues a plate. Reply: [Accepted].
type Execute struct {
	PlateID      string `json:"plate_id"`      // absolute path of the plate's folder
	PipelineCode string `json:"pipeline_code"` // text of a pipeline file
	// One of ConfigParams (dotted key → value; an empty one counts as given)
	// and ConfigCode (text of a configuration file) is required.
	ConfigParams         map[string]any `json:"config_params,omitzero"`
	ConfigCode           string         `json:"config_code,omitempty"`
	PipelineConfigCode   string         `json:"pipeline_config_code,omitempty"`
	ClientAddress        string         `json:"client_address,omitempty"`
	ExecutionPlateID     string         `json:"execution_plate_id,omitempty"`     // the plate's name in events, where it differs
	SelectedPipelinePath string         `json:"selected_pipeline_path,omitempty"` // where PipelineCode came from, for error positions
	CompileOnly          bool           `json:"compile_only,omitempty"`           // check everything, run nothing, keep the plan
	CompileArtifactID    string         `json:"compile_artifact_id,omitempty"`    // run the plan of that execution

	// Native additions.
	OutputPath string `json:"output_path,omitempty"` // absolute
	WellFilter string `json:"well_filter,omitempty"` // see the manual's "Well filters"; empty is all
	Workers    int    `json:"workers,omitempty"`     // 0: as the server is set
	Priority   int    `json:"priority,omitempty"`    // higher runs earlier; 0 is the usual
	Retries    *int   `json:"retries,omitempty"`     // nil: as configured
	Resume     *bool  `json:"resume,omitempty"`      // nil: resume what the output folder holds; false: fresh
	// SubmissionID is a UUID that the client chose; it becomes the execution's id.
	// Sent again, also to a restarted server, it gets the same answer and starts
	// nothing: for a client whose reply was lost.
	SubmissionID string `json:"submission_id,omitempty"`
}

// Status asks for one execution, or for all with an empty id. Replies:
// [ExecutionReply], [StatusReply].
type Status struct {
	ExecutionID string `json:"execution_id,omitempty"`
}

// Cancel ends one execution. A finished one is left as it is. Reply: [Done].
type Cancel struct {
	ExecutionID string `json:"execution_id"`
	Force       bool   `json:"force,omitempty"` // kill its workers instead of asking them to end
}

// Shutdown cancels all executions; the server stays. Reply: [ShutdownAck].
type Shutdown struct{}

// ForceShutdown cancels all executions and ends the server. Reply:
// [ShutdownAck].
type ForceShutdown struct{}

// RegisterProgress says that a client watches; the latest event of every well
// comes with the reply, [Registration].
type RegisterProgress struct {
	ClientID string `json:"client_id"`
}

// UnregisterProgress is the reverse. Reply: [Registration].
type UnregisterProgress struct {
	ClientID string `json:"client_id"`
}

// Retry runs wells of a finished execution again, as a new execution into the
// same output. Reply: [Accepted].
type Retry struct {
	ExecutionID string `json:"execution_id"`
	FailedOnly  bool   `json:"failed_only"` // false: every well
	// SubmissionID becomes the new execution's id; see [Execute].
	SubmissionID string `json:"submission_id,omitempty"`
}

// Results asks what a finished execution gave. Reply: [ResultsReply].
type Results struct {
	ExecutionID string `json:"execution_id"`
}

// Ps asks for the server's process tree. Reply: [PsReply].
type Ps struct{}

// History asks for recorded executions, newest first. Reply: [HistoryReply].
type History struct {
	Limit   int    `json:"limit,omitempty"` // 0: 50
	PlateID string `json:"plate_id,omitempty"`
}

func (Ping) MessageType() string               { return TypePing }
func (Execute) MessageType() string            { return TypeExecute }
func (Status) MessageType() string             { return TypeStatus }
func (Cancel) MessageType() string             { return TypeCancel }
func (Shutdown) MessageType() string           { return TypeShutdown }
func (ForceShutdown) MessageType() string      { return TypeForceShutdown }
func (RegisterProgress) MessageType() string   { return TypeRegisterProgress }
func (UnregisterProgress) MessageType() string { return TypeUnregisterProgress }
func (Retry) MessageType() string              { return TypeRetry }
func (Results) MessageType() string            { return TypeResults }
func (Ps) MessageType() string                 { return TypePs }
func (History) MessageType() string            { return TypeHistory }

// Idempotent says that a request may be sent twice without harm, so that a
// client whose server restarts may ask again.
func Idempotent(request Request) bool {
	switch r := request.(type) {
	case Execute:
		return r.SubmissionID != ""
	case Retry:
		return r.SubmissionID != ""
	}
	return true
}

// EncodeRequest writes a request.
func EncodeRequest(codec Codec, request Request) ([]byte, error) {
	if e, ok := request.(Execute); ok && e.ConfigParams == nil && e.ConfigCode == "" {
		e.ConfigParams = map[string]any{} // nothing to configure is a configuration too
		request = e
	}
	fields, err := plain(request)
	if err != nil {
		return nil, fmt.Errorf("encode %s request: %w", request.MessageType(), err)
	}
	entries := fields.(map[string]any)
	entries["type"] = request.MessageType()
	return codec.Encode(entries)
}

// Incoming is a request as it arrived.
type Incoming struct {
	Codec  Codec
	Type   string
	Fields map[string]any
}

// Decode reads a frame as far as the request's type. The codec is set also
// when there is an error, so that the reply can be written.
func Decode(frame []byte) (Incoming, error) {
	in := Incoming{Codec: CodecOf(frame)}
	var err error
	if in.Fields, err = in.Codec.fields(frame); err != nil {
		return in, err
	}
	r := reader{fields: in.Fields}
	in.Type = r.requiredText("type")
	return in, r.err()
}

// Request returns the typed request, checked. Errors are [*Invalid].
func (in Incoming) Request() (Request, error) {
	r := &reader{fields: in.Fields}
	request := r.request(in.Type)
	if request == nil {
		return nil, UnknownType(in.Type)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if e, ok := request.(Execute); ok {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	return request, nil
}

// request reads the fields of one type; nil if there is no such type.
func (r *reader) request(name string) Request {
	switch name {
	case TypePing:
		return Ping{}
	case TypeExecute:
		return r.execute()
	case TypeStatus:
		return Status{ExecutionID: r.name("execution_id", maxID)}
	case TypeCancel:
		return Cancel{ExecutionID: r.requiredName("execution_id", maxID), Force: r.flag("force", false)}
	case TypeShutdown:
		return Shutdown{}
	case TypeForceShutdown:
		return ForceShutdown{}
	case TypeRegisterProgress:
		return RegisterProgress{ClientID: r.requiredName("client_id", maxID)}
	case TypeUnregisterProgress:
		return UnregisterProgress{ClientID: r.requiredName("client_id", maxID)}
	case TypeRetry:
		return Retry{ExecutionID: r.requiredName("execution_id", maxID), FailedOnly: r.flag("failed_only", true), SubmissionID: r.uuid("submission_id")}
	case TypeResults:
		return Results{ExecutionID: r.requiredName("execution_id", maxID)}
	case TypePs:
		return Ps{}
	case TypeHistory:
		return History{Limit: r.intOr("limit", 1, 100_000, 0), PlateID: r.name("plate_id", maxPath)}
	}
	return nil
}

func (r *reader) execute() Execute {
	e := Execute{
		PlateID:              r.requiredName("plate_id", maxPath),
		PipelineCode:         r.requiredText("pipeline_code"),
		ConfigParams:         r.dict("config_params"),
		ConfigCode:           r.text("config_code"),
		PipelineConfigCode:   r.text("pipeline_config_code"),
		ClientAddress:        r.name("client_address", maxPath),
		ExecutionPlateID:     r.name("execution_plate_id", maxPath),
		SelectedPipelinePath: r.name("selected_pipeline_path", maxPath),
		CompileOnly:          r.flag("compile_only", false),
		CompileArtifactID:    r.name("compile_artifact_id", maxID),
		OutputPath:           r.name("output_path", maxPath),
		WellFilter:           r.wells("well_filter"),
		Workers:              r.intOr("workers", 0, 4096, 0),
		Priority:             r.intOr("priority", -1000, 1000, 0),
		Retries:              r.int("retries", 0, 100),
		Resume:               r.bool("resume"),
		SubmissionID:         r.uuid("submission_id"),
	}
	_, params := r.get("config_params")
	_, code := r.get("config_code")
	if !params && !code && r.empty == nil {
		r.empty = Invalidf("Missing config: provide either config_params or config_code")
	}
	return e
}

// check finds fields that contradict each other or cannot be meant.
func (e Execute) check() error {
	if e.CompileOnly && e.CompileArtifactID != "" {
		return Invalidf("compile_only and compile_artifact_id cannot both be set")
	}
	if e.OutputPath != "" && !filepath.IsAbs(e.OutputPath) {
		return Invalidf("Invalid field: 'output_path' must be an absolute path, not %s", shorten(e.OutputPath))
	}
	return nil
}
