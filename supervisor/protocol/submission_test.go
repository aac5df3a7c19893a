package protocol

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// A submission with an id of its client's is taken once, however often and by
// however many it is sent, also when the server was started again in between.
func TestSubmissionIsTakenOnce(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	s := w.Serve("--workers", "2")
	id := uuid.NewString()
	request := message.Execute{
		PlateID: small(w), PipelineCode: harness.Nuclei + "# what < JSON > writes & in other ways\n", OutputPath: w.Path("out"), SubmissionID: id,
	}
	var all sync.WaitGroup
	for range 8 {
		c := w.Client()
		all.Go(func() {
			if accepted, err := c.Submit(w.Context(), request); err != nil || accepted.ExecutionID != id || accepted.Workers != 2 {
				t.Errorf("answered by %+v, %v", accepted, err)
			}
		})
	}
	all.Wait()
	w.AwaitEnd(id)
	s.Stop()
	w.Serve("--workers", "2")
	c := w.Client()
	if accepted, err := c.Submit(w.Context(), request); err != nil || accepted.ExecutionID != id {
		t.Errorf("the next server answers %+v, %v", accepted, err)
	}
	var refusal *message.Error
	request.PipelineCode += "# changed\n"
	if _, err := c.Submit(w.Context(), request); !errors.As(err, &refusal) {
		t.Errorf("another submission with that id: %v", err)
	}
	for _, wrong := range []string{"1", "../../etc", "0D8A8E0E-3C3C-4B0E-9A62-0C5F0F0A4B11", "{0d8a8e0e-3c3c-4b0e-9a62-0c5f0f0a4b11}"} {
		request.SubmissionID = wrong
		if _, err := c.Submit(w.Context(), request); !errors.As(err, &refusal) {
			t.Errorf("id %q: %v", wrong, err)
		}
	}
	var history message.HistoryReply
	if err := c.Call(w.Context(), message.History{}, &history); err != nil || len(history.Executions) != 1 {
		t.Errorf("the records have %d executions: %v", len(history.Executions), err)
	}
}
