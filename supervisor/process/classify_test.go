package process

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	ok, cancelled, failed := &result.Outcome{Reason: enums.ReasonOK}, &result.Outcome{Reason: enums.ReasonCancelled}, &result.Outcome{Reason: enums.ReasonInputUnreadable, Error: "bad.tif"}
	killed := plugin.Exit{Known: true, Code: -1, Signal: syscall.SIGKILL}
	said := &plugin.Reply{Reason: enums.ReasonOK}
	limited := Limits{Memory: 100 << 20, Processes: 40}
	childless := &result.Outcome{Reason: enums.ReasonFunctionError, Error: "signal: killed"}
	for _, test := range []struct {
		name string
		e    evidence
		want enums.ExitReason
		text string
	}{
		{"all well", evidence{Stopped: afterReply, Replied: said, Outcome: ok, Exit: plugin.Exit{Known: true}}, enums.ReasonOK, ""},
		{"cancelled, though done", evidence{Stopped: byCancel, Outcome: ok}, enums.ReasonCancelled, ""},
		{"done while timing out", evidence{Stopped: byTimeout, Outcome: ok, Exit: killed}, enums.ReasonOK, ""},
		{"gave up when timing out", evidence{Stopped: byTimeout, Outcome: cancelled}, enums.ReasonTimeout, "not done"},
		{"gave up alone", evidence{Outcome: cancelled}, enums.ReasonLost, "unasked"},
		{"failed, then killed", evidence{Outcome: failed, Exit: killed}, enums.ReasonInputUnreadable, "bad.tif"},
		{"kernel counter", evidence{Exit: killed, KernelOOM: 1, Limits: limited}, enums.ReasonOutOfMemory, "by the kernel"},
		{"kill at the limit", evidence{Exit: killed, Peak: 95 << 20, Limits: limited}, enums.ReasonOutOfMemory, "95 MiB"},
		{"kill below the limit", evidence{Exit: killed, Peak: 20 << 20, Limits: limited}, enums.ReasonSignal, "SIGKILL"},
		{"machine out of memory", evidence{Exit: killed, SystemOOM: 1, Peak: 1 << 30}, enums.ReasonOutOfMemory, "machine"},
		{"killed while others ran out of memory", evidence{Exit: killed, SystemOOM: 1, Peak: 3 << 20}, enums.ReasonSignal, "SIGKILL"},
		{"panic in an old log, then killed", evidence{Exit: killed, Crash: crash{kind: crashPanic, message: "panic: old"}}, enums.ReasonSignal, "SIGKILL"},
		{"panic in the log, exit 7", evidence{Exit: plugin.Exit{Known: true, Code: 7}, Crash: crash{kind: crashPanic, message: "panic: old"}}, enums.ReasonPanic, "exit code 7"},
		{"panic of an adopted one", evidence{Exit: plugin.Exit{Code: -1}, Crash: crash{kind: crashPanic, message: "panic: x"}}, enums.ReasonPanic, "panic: x"},
		{"threads for memory", evidence{Exit: plugin.Exit{Known: true, Code: 2}, Crash: crash{kind: crashThread, message: "pthread_create"}, Limits: limited}, enums.ReasonOutOfMemory, "pthread"},
		{"threads for number", evidence{Exit: plugin.Exit{Known: true, Code: 2}, Crash: crash{kind: crashThread, message: "pthread_create"}}, enums.ReasonPanic, "pthread"},
		{"threads refused by a group", evidence{Exit: plugin.Exit{Known: true, Code: 2}, Crash: crash{kind: crashThread, message: "pthread_create"}, Limits: limited, Refused: 1}, enums.ReasonPanic, "limit of 40 processes"},
		{"processes refused by a group", evidence{Outcome: childless, Limits: limited, Refused: 1}, enums.ReasonFunctionError, "limit of 40 processes"},
		{"child killed for memory", evidence{Outcome: childless, Limits: limited, KernelOOM: 1}, enums.ReasonOutOfMemory, "(limit 100 MiB): signal: killed"},
		{"child killed by others", evidence{Outcome: childless, Limits: limited}, enums.ReasonFunctionError, "signal: killed"},
		{"refused", evidence{Replied: &plugin.Reply{Reason: enums.ReasonStartFailed, Error: "well is locked"}, OutcomeErr: fs.ErrNotExist, Exit: plugin.Exit{Known: true}}, enums.ReasonStartFailed, "locked"},
		{"damaged", evidence{Stopped: afterReply, Replied: said, OutcomeErr: result.ErrInvalid, Exit: plugin.Exit{Known: true}}, enums.ReasonOutputInvalid, "invalid"},
		{"orphaned", evidence{Exit: plugin.Exit{Known: true, Code: plugin.ExitOrphaned}, OutcomeErr: fs.ErrNotExist}, enums.ReasonLost, "gave up"},
		{"call failed", evidence{Stopped: afterBadReply, CallErr: errors.New("too large"), Exit: plugin.Exit{Known: true}, OutcomeErr: fs.ErrNotExist}, enums.ReasonLost, "too large"},
		{"nothing known", evidence{Exit: plugin.Exit{Code: -1}, OutcomeErr: fs.ErrNotExist}, enums.ReasonLost, "unseen"},
	} {
		got, text := classify(test.e)
		if got != test.want || !strings.Contains(text, test.text) {
			t.Errorf("%s: %s (%s), want %s (…%s…)", test.name, got, text, test.want, test.text)
		}
	}
}
