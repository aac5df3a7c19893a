package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// roomPause is the time between tries of a save that finds no room.
const roomPause = time.Second

// journal keeps the engine's documents in the store. When the disk is full it
// waits for room: the engine stands still meanwhile and control goes on.
type journal struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	// waits is why everything waits for the store; nil while it can be written.
	waits *atomic.Pointer[string]
}

// waiting says why everything waits for the store, "" when nothing does.
func (j journal) waiting() string {
	if text := j.waits.Load(); text != nil {
		return *text
	}
	return ""
}

func (j journal) Save(ctx context.Context, executions []engine.Execution, wells []engine.Well) error {
	records := make([]store.Record, 0, len(executions)+len(wells))
	for _, x := range executions {
		document, err := json.Marshal(x)
		if err != nil {
			return fmt.Errorf("encode execution %s: %w", x.ID, err)
		}
		records = append(records, store.Record{
			Kind: store.Execution, Execution: x.ID, Status: string(x.Status), Updated: j.now(), Document: document,
		})
	}
	for _, w := range wells {
		document, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("encode well %s of %s: %w", w.Name, w.Execution, err)
		}
		records = append(records, store.Record{
			Kind: store.Well, Execution: w.Execution, Well: w.Name, Status: string(w.Status), Updated: j.now(), Document: document,
		})
	}
	told := false
	for {
		err := j.store.Save(ctx, records)
		if !errors.Is(err, store.ErrFull) && !errors.Is(err, store.ErrUnwritable) {
			if told {
				j.waits.Store(nil)
				j.log.Info("the store can be written again, or is given up", "error", err)
			}
			return err
		}
		if !told {
			told = true
			text := fmt.Sprintf("nothing goes on until there is room or it can be written: %v", err)
			j.waits.Store(&text)
			j.log.Error("the store cannot be written: everything waits until it can", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(roomPause):
		}
	}
}

// load reads executions and wells back. Records that do not decode are
// reported and left where they are.
func (j journal) load(ctx context.Context, filter store.Filter) ([]engine.Execution, []engine.Well, error) {
	records, err := j.store.Load(ctx, filter)
	if err != nil {
		return nil, nil, fmt.Errorf("load records: %w", err)
	}
	var executions []engine.Execution
	var wells []engine.Well
	for _, r := range records {
		switch r.Kind {
		case store.Execution:
			var x engine.Execution
			if err := json.Unmarshal(r.Document, &x); err != nil {
				j.log.Error("an execution's record cannot be read", "execution", r.Execution, "error", err)
				continue
			}
			executions = append(executions, x)
		case store.Well:
			var w engine.Well
			if err := json.Unmarshal(r.Document, &w); err != nil {
				j.log.Error("a well's record cannot be read", "execution", r.Execution, "well", r.Well, "error", err)
				continue
			}
			wells = append(wells, w)
		}
	}
	return executions, wells, nil
}

// ids returns the recorded executions whose id begins with prefix.
func (j journal) ids(ctx context.Context, prefix string) ([]string, error) {
	records, err := j.store.Load(ctx, store.Filter{Kind: store.Execution})
	if err != nil {
		return nil, fmt.Errorf("load records: %w", err)
	}
	var ids []string
	for _, r := range records {
		if strings.HasPrefix(r.Execution, prefix) {
			ids = append(ids, r.Execution)
		}
	}
	return ids, nil
}

// sequence returns the number of the newest submission on record.
func (j journal) sequence(ctx context.Context) (int, error) {
	executions, _, err := j.load(ctx, store.Filter{Kind: store.Execution})
	newest := 0
	for i := range executions {
		newest = max(newest, executions[i].Sequence)
	}
	return newest, err
}
