package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// What [Decode] accepts at most.
const (
	MaxSize   = 4 << 20 // bytes of one pickle
	MaxValues = 100_000 // values, keys included, aliases counted each time
	MaxDepth  = 64      // containers within containers
)

// Causes that callers may tell apart with errors.Is; anything else is a
// malformed pickle.
var (
	// ErrNotPlain is a pickle that asks for more than plain data.
	ErrNotPlain = errors.New("only plain data is accepted")
	// ErrTooLarge is a pickle over one of the limits.
	ErrTooLarge = errors.New("pickle is too large")
)

// Error says where in the pickle decoding ended, and why.
type Error struct {
	Offset int // of the opcode, in bytes
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("decode pickle at byte %d: %v", e.Offset, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Decode returns the plain value of a pickle: nil, bool, int64, float64,
// string, []any (lists and tuples) or map[string]any.
func Decode(data []byte) (any, error) {
	if len(data) > MaxSize {
		return nil, &Error{0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), MaxSize)}
	}
	m := machine{data: data}
	for {
		offset := m.offset
		done, err := m.step()
		if err != nil {
			return nil, &Error{offset, err}
		}
		if done {
			break
		}
	}
	if rest := len(data) - m.offset; rest != 0 {
		return nil, &Error{m.offset, fmt.Errorf("%d bytes follow the end", rest)}
	}
	values := 0
	value, err := unfold(m.stack[0], 0, &values)
	if err != nil {
		return nil, &Error{m.offset, err}
	}
	return value, nil
}

// list and dict are containers under construction. They are shared by
// pointer as in Python, until unfold copies them into a tree.
type (
	list struct{ items []any }
	dict struct {
		keys   []string
		values []any
	}
)

// machine is the part of pickle's stack machine that builds plain data. The
// stack holds nil, bool, int64, float64, string, *list and *dict.
type machine struct {
	data   []byte
	offset int
	stack  []any
	marks  []int // heights of the stack at each MARK
	memo   []any // by index: clients number from 0 without gaps
	steps  int   // values pushed, marks and memo entries together
}

// step runs one opcode; done says that it was STOP.
func (m *machine) step() (done bool, err error) {
	start := m.offset == 0
	op, err := m.byte()
	if err != nil {
		return false, err
	}
	if start != (op == opProto) {
		return false, errors.New("a pickle of protocol 2 to 5 starts with its protocol, and has one")
	}
	switch op {
	case opProto:
		version, err := m.byte()
		if err == nil && (version < 2 || version > 5) {
			err = fmt.Errorf("protocol %d is not one of 2 to 5", version)
		}
		return false, err
	case opFrame:
		// Frames are for readers of streams; here they only must not lie.
		size, err := m.uint(8)
		if err == nil && size > uint64(len(m.data)-m.offset) {
			err = fmt.Errorf("frame of %d bytes, but %d are left", size, len(m.data)-m.offset)
		}
		return false, err
	case opStop:
		if len(m.stack) != 1 || len(m.marks) != 0 {
			return false, fmt.Errorf("stop with %d values and %d marks on the stack", len(m.stack), len(m.marks))
		}
		return true, nil

	case opNone:
		return false, m.push(nil)
	case opTrue:
		return false, m.push(true)
	case opFalse:
		return false, m.push(false)
	case opInt1:
		return false, m.pushUint(1)
	case opInt2:
		return false, m.pushUint(2)
	case opInt4:
		n, err := m.uint(4)
		if err != nil {
			return false, err
		}
		return false, m.push(int64(int32(n)))
	case opLong1:
		return false, m.pushLong(1)
	case opLong4:
		return false, m.pushLong(4)
	case opFloat:
		b, err := m.bytes(8)
		if err != nil {
			return false, err
		}
		return false, m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opText1:
		return false, m.pushText(1)
	case opText4:
		return false, m.pushText(4)
	case opText8:
		return false, m.pushText(8)

	case opEmptyList, opEmptyTuple:
		return false, m.push(&list{})
	case opEmptyDict:
		return false, m.push(&dict{})
	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return false, m.count()
	case opTuple:
		items, err := m.popMarked()
		if err != nil {
			return false, err
		}
		return false, m.push(&list{items})
	case opTuple1, opTuple2, opTuple3:
		items, err := m.pop(int(op-opTuple1) + 1)
		if err != nil {
			return false, err
		}
		return false, m.push(&list{items})
	case opAppend:
		items, err := m.pop(1)
		if err != nil {
			return false, err
		}
		return false, m.append(items)
	case opAppends:
		items, err := m.popMarked()
		if err != nil {
			return false, err
		}
		return false, m.append(items)
	case opSetItem:
		items, err := m.pop(2)
		if err != nil {
			return false, err
		}
		return false, m.set(items)
	case opSetItems:
		items, err := m.popMarked()
		if err != nil {
			return false, err
		}
		return false, m.set(items)

	case opMemoize:
		return false, m.remember(uint64(len(m.memo)))
	case opPut1:
		return false, m.rememberAt(1)
	case opPut4:
		return false, m.rememberAt(4)
	case opGet1:
		return false, m.recall(1)
	case opGet4:
		return false, m.recall(4)
	}
	if name, ok := opName(op); ok {
		return false, fmt.Errorf("%w: opcode %s", ErrNotPlain, name)
	}
	return false, fmt.Errorf("%#02x is no opcode", op)
}

// count bounds the memory of everything that an opcode can make.
func (m *machine) count() error {
	if m.steps++; m.steps > 3*MaxValues {
		return fmt.Errorf("%w: more than %d values", ErrTooLarge, MaxValues)
	}
	return nil
}

func (m *machine) push(value any) error {
	m.stack = append(m.stack, value)
	return m.count()
}

// floor is the height below which the values belong to an outer mark.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// pop takes the topmost n values, copied: the stack is reused.
func (m *machine) pop(n int) ([]any, error) {
	height := len(m.stack) - n
	if height < m.floor() {
		return nil, errors.New("a value is missing on the stack")
	}
	items := append([]any(nil), m.stack[height:]...)
	m.stack = m.stack[:height]
	return items, nil
}

func (m *machine) popMarked() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("a mark is missing on the stack")
	}
	items, err := m.pop(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return items, err
}

// top is the value that APPEND, SETITEM and MEMOIZE act on.
func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errors.New("a value is missing on the stack")
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) append(items []any) error {
	top, err := m.top()
	if err != nil {
		return err
	}
	target, ok := top.(*list)
	if !ok {
		return errors.New("append to something that is no list")
	}
	target.items = append(target.items, items...)
	return nil
}

func (m *machine) set(pairs []any) error {
	top, err := m.top()
	if err != nil {
		return err
	}
	target, ok := top.(*dict)
	if !ok {
		return errors.New("set an item of something that is no dict")
	}
	if len(pairs)%2 != 0 {
		return errors.New("a key without a value")
	}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return fmt.Errorf("%w: a dict key is %s, not text", ErrNotPlain, kind(pairs[i]))
		}
		target.keys = append(target.keys, key)
		target.values = append(target.values, pairs[i+1])
	}
	return nil
}

func (m *machine) rememberAt(width int) error {
	index, err := m.uint(width)
	if err != nil {
		return err
	}
	return m.remember(index)
}

func (m *machine) remember(index uint64) error {
	value, err := m.top()
	if err != nil {
		return err
	}
	switch size := uint64(len(m.memo)); {
	case index < size:
		m.memo[index] = value
		return nil
	case index == size:
		m.memo = append(m.memo, value)
		return m.count()
	default:
		return fmt.Errorf("memo entry %d comes before entry %d", index, size)
	}
}

func (m *machine) recall(width int) error {
	index, err := m.uint(width)
	if err != nil {
		return err
	}
	if index >= uint64(len(m.memo)) {
		return fmt.Errorf("memo entry %d is missing", index)
	}
	return m.push(m.memo[index])
}

func (m *machine) pushUint(width int) error {
	n, err := m.uint(width)
	if err != nil {
		return err
	}
	return m.push(int64(n))
}

// pushLong reads a little-endian two's complement integer.
func (m *machine) pushLong(width int) error {
	size, err := m.uint(width)
	if err != nil {
		return err
	}
	if size > 8 {
		return fmt.Errorf("%w: an integer of %d bytes, at most 8", ErrTooLarge, size)
	}
	b, err := m.bytes(size)
	if err != nil {
		return err
	}
	var n uint64
	if size > 0 && b[size-1]&0x80 != 0 {
		n = math.MaxUint64 // negative: ones above what follows
	}
	for i := int(size) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return m.push(int64(n))
}

func (m *machine) pushText(width int) error {
	size, err := m.uint(width)
	if err != nil {
		return err
	}
	b, err := m.bytes(size)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return errors.New("text is not UTF-8")
	}
	return m.push(string(b))
}

func (m *machine) byte() (byte, error) {
	b, err := m.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads a little-endian integer of width bytes.
func (m *machine) uint(width int) (uint64, error) {
	b, err := m.bytes(uint64(width))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

func (m *machine) bytes(size uint64) ([]byte, error) {
	left := len(m.data) - m.offset
	if size > uint64(left) {
		return nil, fmt.Errorf("%d bytes are announced, but %d are left", size, left)
	}
	b := m.data[m.offset : m.offset+int(size)]
	m.offset += int(size)
	return b, nil
}
