package server

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/wellhouse-hcs/wellhouse/supervisor/store"
)

// openStore opens the records; a damaged file is set aside and what is whole in
// it is taken over.
func (s *Server) openStore() error {
	s.journal = journal{log: s.log, now: s.now, waits: new(atomic.Pointer[string])}
	path := s.options.Places.Store()
	if aside := store.Unreplaced(path); aside != "" {
		if err := s.replaceStore(path, aside); err != nil {
			return err
		}
	}
	opened, err := store.Open(path, s.log)
	var damaged *store.DamagedError
	if errors.As(err, &damaged) {
		s.log.Error("the records are damaged and were moved aside", "path", damaged.Path, "aside", damaged.Aside, "problem", damaged.Problem)
		if err := s.replaceStore(path, damaged.Aside); err != nil {
			return err
		}
		opened, err = store.Open(path, s.log)
	}
	if opened != nil {
		s.store, s.journal.store = opened, opened
	}
	if err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	return nil
}

// replaceStore puts what is whole in damaged records in their place.
func (s *Server) replaceStore(path, aside string) error {
	records, stopped, err := store.Replace(s.context, path, aside, s.log)
	if err != nil {
		return err
	}
	s.log.Error("what is whole in the damaged records was taken over", "aside", aside, "records", records, "stopped_by", stopped)
	return nil
}
