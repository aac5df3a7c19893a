package pickle

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// protocol is what OpenHCS's own clients write, and Python 3.4 and later read.
const protocol = 4

// Encode returns the pickle of a plain value: nil, bool, int, int64, float64,
// string, []any, []string or map[string]any, nested at most [MaxDepth] deep.
// The same value gives the same bytes: keys are sorted. Text that is not
// UTF-8 leaves with the offending bytes replaced, as in JSON.
func Encode(value any) ([]byte, error) {
	b, err := appendValue([]byte{opProto, protocol}, value, 0)
	if err != nil {
		return nil, fmt.Errorf("encode pickle: %w", err)
	}
	return append(b, opStop), nil
}

func appendValue(b []byte, value any, depth int) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, opNone), nil
	case bool:
		if v {
			return append(b, opTrue), nil
		}
		return append(b, opFalse), nil
	case int:
		return appendInt(b, int64(v)), nil
	case int64:
		return appendInt(b, v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, opFloat), math.Float64bits(v)), nil
	case string:
		return appendText(b, v), nil
	case []string:
		b = append(b, opEmptyList, opMark)
		for _, item := range v {
			b = appendText(b, item)
		}
		return append(b, opAppends), nil
	}
	if depth >= MaxDepth {
		return nil, errDepth()
	}
	var err error
	switch v := value.(type) {
	case []any:
		b = append(b, opEmptyList, opMark)
		for _, item := range v {
			if b, err = appendValue(b, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, opAppends), nil
	case map[string]any:
		b = append(b, opEmptyDict, opMark)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if b, err = appendValue(appendText(b, key), v[key], depth+1); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		return append(b, opSetItems), nil
	default:
		return nil, fmt.Errorf("%w: a %T", ErrNotPlain, v)
	}
}

func appendInt(b []byte, n int64) []byte {
	switch {
	case n >= 0 && n <= math.MaxUint8:
		return append(b, opInt1, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(b, opInt2), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.LittleEndian.AppendUint32(append(b, opInt4), uint32(n))
	default:
		return binary.LittleEndian.AppendUint64(append(b, opLong1, 8), uint64(n))
	}
}

func appendText(b []byte, text string) []byte {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= math.MaxUint8 {
		b = append(b, opText1, byte(len(text)))
	} else {
		b = binary.LittleEndian.AppendUint64(append(b, opText8), uint64(len(text)))
	}
	return append(b, text...)
}
