package function

// Every fault takes the wells and the number of first attempts that it hits.

// FaultPanic holds the parameters of fault_panic.
type FaultPanic struct {
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultExit holds the parameters of fault_exit.
type FaultExit struct {
	Code     int      `json:"code" min:"0" max:"255" doc:"exit code of the process"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultSegfault holds the parameters of fault_segfault.
type FaultSegfault struct {
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultAbort holds the parameters of fault_abort.
type FaultAbort struct {
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultSignal holds the parameters of fault_signal.
type FaultSignal struct {
	Signal   int      `json:"signal" min:"1" max:"31" doc:"number of the signal; 9 kills, 19 stops"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultHang holds the parameters of fault_hang.
type FaultHang struct {
	Mode     string   `json:"mode" choices:"blocked|busy|stopped" doc:"wait for ever, compute for ever, or stop the whole process"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultSleep holds the parameters of fault_sleep.
type FaultSleep struct {
	Duration float64  `json:"duration" unit:"s" min:"0" max:"86400" doc:"how long"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultError holds the parameters of fault_error.
type FaultError struct {
	Message  string   `json:"message" doc:"what the error says"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultMemory holds the parameters of fault_memory.
type FaultMemory struct {
	Bytes    int      `json:"bytes" unit:"B" min:"0" doc:"how much, all of it written to"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultSharedMemory holds the parameters of fault_shared_memory.
type FaultSharedMemory struct {
	Bytes    int      `json:"bytes" unit:"B" min:"1" doc:"how much, all of it written to"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultDescriptors holds the parameters of fault_descriptors.
type FaultDescriptors struct {
	Count    int      `json:"count" min:"0" doc:"how many to open before giving up"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultFork holds the parameters of fault_fork.
type FaultFork struct {
	Count    int      `json:"count" min:"0" doc:"how many to start before giving up"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultLog holds the parameters of fault_log.
type FaultLog struct {
	Bytes    int      `json:"bytes" unit:"B" min:"0" doc:"how much to write"`
	Line     int      `json:"line" unit:"B" min:"0" doc:"length of a line; 0 writes one line without an end"`
	Text     string   `json:"text" doc:"what the lines repeat; empty: the letter x"`
	To       string   `json:"to" choices:"stderr|stdout" doc:"where to write"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultGrandchild holds the parameters of fault_grandchild.
type FaultGrandchild struct {
	Duration float64  `json:"duration" unit:"s" min:"0" max:"86400" doc:"how long it stays"`
	Session  bool     `json:"session" doc:"leave the process group and session"`
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

// FaultIgnoreStop holds the parameters of fault_ignore_stop.
type FaultIgnoreStop struct {
	Wells    []string `json:"wells" doc:"hit only these wells; empty hits all"`
	Attempts int      `json:"attempts" min:"0" doc:"hit only the first so many attempts; 0 hits all"`
}

func (f FaultPanic) hits(c *Call) bool        { return hit(c, f.Wells, f.Attempts) }
func (f FaultExit) hits(c *Call) bool         { return hit(c, f.Wells, f.Attempts) }
func (f FaultSegfault) hits(c *Call) bool     { return hit(c, f.Wells, f.Attempts) }
func (f FaultAbort) hits(c *Call) bool        { return hit(c, f.Wells, f.Attempts) }
func (f FaultSignal) hits(c *Call) bool       { return hit(c, f.Wells, f.Attempts) }
func (f FaultHang) hits(c *Call) bool         { return hit(c, f.Wells, f.Attempts) }
func (f FaultSleep) hits(c *Call) bool        { return hit(c, f.Wells, f.Attempts) }
func (f FaultError) hits(c *Call) bool        { return hit(c, f.Wells, f.Attempts) }
func (f FaultMemory) hits(c *Call) bool       { return hit(c, f.Wells, f.Attempts) }
func (f FaultSharedMemory) hits(c *Call) bool { return hit(c, f.Wells, f.Attempts) }
func (f FaultDescriptors) hits(c *Call) bool  { return hit(c, f.Wells, f.Attempts) }
func (f FaultFork) hits(c *Call) bool         { return hit(c, f.Wells, f.Attempts) }
func (f FaultLog) hits(c *Call) bool          { return hit(c, f.Wells, f.Attempts) }
func (f FaultGrandchild) hits(c *Call) bool   { return hit(c, f.Wells, f.Attempts) }
func (f FaultIgnoreStop) hits(c *Call) bool   { return hit(c, f.Wells, f.Attempts) }
