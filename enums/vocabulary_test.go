package enums_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// checkVocabulary holds a closed vocabulary to the wire's spelling.
func checkVocabulary[T interface {
	~string
	enums.Closed
}](t *testing.T, all []T, parse func(string) (T, error), want string) {
	t.Helper()
	var zero T
	e := zero.Vocabulary()
	t.Run(e.Name(), func(t *testing.T) {
		t.Parallel()
		var names []string
		for _, m := range all {
			names = append(names, string(m))
			if got, err := parse(string(m)); err != nil || got != m {
				t.Errorf("parse(%q) = %q, %v", m, got, err)
			}
			var back T
			if err := json.Unmarshal([]byte(`"`+string(m)+`"`), &back); err != nil || back != m {
				t.Errorf("decode %q: %q, %v", m, back, err)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
		if got := strings.Join(e.Names(), " "); got != want {
			t.Errorf("enumeration has %s, want %s", got, want)
		}
		for _, bad := range []string{"", "nonsense", strings.ToUpper(names[0]), names[0] + " "} {
			if got, err := parse(bad); err == nil || !strings.Contains(err.Error(), names[0]) {
				t.Errorf("parse(%q) = %q, %v; want an error with the valid names", bad, got, err)
			}
			back := all[0]
			text, _ := json.Marshal(bad)
			if err := json.Unmarshal(text, &back); err == nil || back != all[0] {
				t.Errorf("decode %q: %q, %v; want an error and nothing changed", bad, back, err)
			}
		}
	})
}

func TestVocabularies(t *testing.T) {
	t.Parallel()
	checkVocabulary(t, enums.ExecutionStatuses(), enums.ParseExecutionStatus, "queued running complete failed cancelled")
	checkVocabulary(t, enums.WellStatuses(), enums.ParseWellStatus, "pending starting running committing retry_wait complete failed cancelled")
	checkVocabulary(t, enums.ExitReasons(), enums.ParseExitReason, "ok function_error input_unreadable panic signal out_of_memory timeout stalled start_failed handshake_mismatch output_invalid lost unkillable cancelled")
	checkVocabulary(t, enums.Phases(), enums.ParsePhase, "init compile axis_started step_started pattern_group step_completed axis_completed axis_error queued running success failed cancelled")
	checkVocabulary(t, enums.ProgressStatuses(), enums.ParseProgressStatus, "pending started running success failed cancelled error queued")
	checkVocabulary(t, enums.Roles(), enums.ParseRole, "generic execution viewer")
	checkVocabulary(t, enums.Transports(), enums.ParseTransport, "ipc tcp")
	checkVocabulary(t, enums.PixelTypes(), enums.ParsePixelType, "uint8 uint16 float32")
	checkVocabulary(t, enums.LogLevels(), enums.ParseLogLevel, "debug info warn error")
	if n := len(enums.Vocabularies()); n != 9 {
		t.Errorf("Vocabularies lists %d, want the 9 above", n)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for _, s := range enums.ExecutionStatuses() {
		if want := s == "complete" || s == "failed" || s == "cancelled"; s.Final() != want {
			t.Errorf("execution %s: final %v", s, s.Final())
		}
	}
	for _, s := range enums.WellStatuses() {
		if want := s == "complete" || s == "failed" || s == "cancelled"; s.Final() != want {
			t.Errorf("well %s: final %v", s, s.Final())
		}
	}
}
