package cli

import (
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// The step is named once, also when its name is part of another word.
func TestFailureNamesTheStep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		well message.Well
		want string
	}{
		{message.Well{Reason: "panic", Error: "panic: boom", Step: "pan"}, "panic: boom (in step pan)"},
		{message.Well{Reason: "function_error", Error: "step pan: function median: no", Step: "pan"}, "function_error: step pan: function median: no"},
		{message.Well{Reason: "function_error", Error: "a\tb\n\x1b[31mred\a"}, "function_error: a b \ufffd[31mred\ufffd"},
		{message.Well{Reason: "lost", Error: "the worker ended unseen", Attempts: 3}, "lost: the worker ended unseen, after 3 attempts"},
	} {
		if got := failure(test.well); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// What would only fail again the same way is not all that is offered.
func TestAdviceFollowsTheReason(t *testing.T) {
	t.Parallel()
	x := message.Execution{ExecutionID: "2aef6374-aaaa", Wells: []message.Well{
		{Well: "A01", Status: enums.WellFailed, Reason: "timeout"},
		{Well: "A02", Status: enums.WellComplete, Reason: "out_of_memory"},
		{Well: "A03", Status: enums.WellFailed, Reason: "panic"},
	}}
	var b strings.Builder
	advise(&b, x)
	contains(t, b.String(), "retry --failed 2aef6374\n", "--set timeout=", "logs 2aef6374 --level warn\n")
	lacks(t, b.String(), "--set memory=")
	x.Wells[1].Status = enums.WellFailed
	advise(&b, x)
	contains(t, b.String(), "--set memory=")
}
