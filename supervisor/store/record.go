package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// The kinds of records.
const (
	Execution = "execution"
	Well      = "well"
	Attempt   = "attempt"
)

// Record is one document and what it is found by. Its key is kind, execution,
// well and attempt, as far as its kind has them; saving a key again replaces it.
type Record struct {
	Kind      string // [Execution], [Well] or [Attempt]
	Execution string
	Well      string    // "" for an execution
	Attempt   int       // from 1; 0 for an execution or well
	Status    string    // an execution's is an [enums.ExecutionStatus]; others are free
	Updated   time.Time // kept to the microsecond, in UTC
	Document  []byte    // JSON
}

// check refuses what could not be found or read again, so that one caller's
// mistake never fails the others of its commit.
func (r Record) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("check record %s %q %q %d: %s", r.Kind, r.Execution, r.Well, r.Attempt, fmt.Sprintf(format, args...))
	}
	var well, attempt bool
	switch r.Kind {
	case Execution:
		if _, err := enums.ParseExecutionStatus(r.Status); err != nil {
			return bad("%v", err)
		}
	case Well:
		well = true
	case Attempt:
		well, attempt = true, true
	default:
		return bad("kind must be execution, well or attempt")
	}
	switch {
	case r.Execution == "":
		return bad("execution is missing")
	case well != (r.Well != ""):
		return bad("a well is for wells and attempts, and they need one")
	case attempt != (r.Attempt > 0):
		return bad("an attempt number, from 1, is for attempts")
	case !json.Valid(r.Document):
		return bad("document is not JSON")
	}
	return nil
}

// final reports whether the record is an execution that has ended.
func (r Record) final() bool {
	return r.Kind == Execution && enums.ExecutionStatus(r.Status).Final()
}

// checksum covers all of a record. SQLite checks its structure, not its content.
func (r Record) checksum() uint32 {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for _, part := range [][]byte{[]byte(r.Kind), []byte(r.Execution), []byte(r.Well), []byte(r.Status), r.Document} {
		// Lengths keep neighbours apart: ("ab", "c") is not ("a", "bc").
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.Attempt)))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.Updated.UnixMicro())))
	return h.Sum32()
}
