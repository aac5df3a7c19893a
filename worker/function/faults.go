package function

import "slices"

// FaultsVariable is the environment variable that opts in to the faults.
const FaultsVariable = "WELLHOUSE_FAULTS"

// Faults is the catalogue of a test run: Builtin and functions that misbehave on
// purpose. Their images pass through unchanged where the process lives on.
func Faults() *Catalogue { return mustNew(append(builtin(), faults()...)) }

func faults() []Definition {
	return []Definition{
		fault("fault_panic", "Panic.", FaultPanic{}, FaultPanic.apply),
		fault("fault_exit", "End the process with an exit code.", FaultExit{Code: 3}, FaultExit.apply),
		fault("fault_segfault", "Write to memory that is not there.", FaultSegfault{}, FaultSegfault.apply),
		fault("fault_abort", "Send the process SIGABRT.", FaultAbort{}, FaultAbort.apply),
		fault("fault_signal", "Send the process a signal.", FaultSignal{Signal: 9}, FaultSignal.apply),
		fault("fault_hang", "Never return, whatever is asked.", FaultHang{Mode: "blocked"}, FaultHang.apply),
		fault("fault_sleep", "Wait, unless stopped.", FaultSleep{Duration: 1}, FaultSleep.apply),
		fault("fault_error", "Return an error.", FaultError{Message: "this error was asked for"}, FaultError.apply),
		fault("fault_memory", "Use memory and give it back.", FaultMemory{Bytes: 1 << 30}, FaultMemory.apply),
		fault("fault_shared_memory", "Make shared memory and leave it.", FaultSharedMemory{Bytes: 1 << 20}, FaultSharedMemory.apply),
		fault("fault_descriptors", "Open files until it fails.", FaultDescriptors{Count: 1 << 20}, FaultDescriptors.apply),
		fault("fault_fork", "Start processes until it fails.", FaultFork{Count: 1 << 16}, FaultFork.apply),
		fault("fault_log", "Write to standard error or output.", FaultLog{Bytes: 1 << 20, Line: 100, To: "stderr"}, FaultLog.apply),
		fault("fault_grandchild", "Leave a process behind that holds the standard streams.", FaultGrandchild{Duration: 600}, FaultGrandchild.apply),
		fault("fault_ignore_stop", "Ignore every polite request to end, and hang.", FaultIgnoreStop{}, FaultIgnoreStop.apply),
	}
}

// fault makes a definition whose apply runs only where the parameters say.
func fault[P interface{ hits(c *Call) bool }](name, summary string, defaults P, apply func(P, *Call) error) Definition {
	return Definition{
		Name: name, Version: 1, Kind: Planewise,
		Summary: summary, Reference: "for tests only", Parameters: defaults,
		Apply: func(c *Call) error {
			parameters := c.Parameters.(P)
			if !parameters.hits(c) {
				return nil
			}
			return apply(parameters, c)
		},
	}
}

// hit reports whether a call is one of the wells (all if none is named) and one
// of the first attempts (all if 0).
func hit(c *Call, wells []string, attempts int) bool {
	return (len(wells) == 0 || slices.Contains(wells, c.Well)) && (attempts == 0 || c.Attempt <= attempts)
}
