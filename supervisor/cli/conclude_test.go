package cli

import (
	"testing"

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
