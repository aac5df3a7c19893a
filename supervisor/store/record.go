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
)

// Record is one document and what it is found by. Its key is kind, execution
// and, for a well, its name; saving a key again replaces it.
type Record struct {
	Kind      string // [Execution] or [Well]
	Execution string
	Well      string    // "" for an execution
	Status    string    // an execution's is an [enums.ExecutionStatus]; a well's is free
	Updated   time.Time // kept to the microsecond, in UTC
	Document  []byte    // JSON
}

// check refuses what could not be found or read again, so that one caller's
// mistake never fails the others of its commit.
func (r Record) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("check record %s %q %q: %s", r.Kind, r.Execution, r.Well, fmt.Sprintf(format, args...))
	}
	switch r.Kind {
	case Execution:
		if _, err := enums.ParseExecutionStatus(r.Status); err != nil {
			return bad("%v", err)
		}
	case Well:
	default:
		return bad("kind must be execution or well")
	}
	switch {
	case r.Execution == "":
		return bad("execution is missing")
	case (r.Kind == Well) != (r.Well != ""):
		return bad("wells need a name, and executions have none")
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
	h.Write(make([]byte, 8)) // the column attempt
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(r.Updated.UnixMicro())))
	return h.Sum32()
}
