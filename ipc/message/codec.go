package message

import (
	"encoding/json"
	"fmt"

	"github.com/wellhouse-hcs/wellhouse/ipc/pickle"
)

// Codec is how a message is written.
type Codec int

// The codecs. JSON is the native one.
const (
	JSON Codec = iota
	Pickle
)

func (c Codec) String() string {
	if c == Pickle {
		return "pickle"
	}
	return "JSON"
}

// CodecOf tells the codec of a frame by its first byte: every pickle of
// protocol 2 or later starts with 0x80, which no JSON text does.
func CodecOf(frame []byte) Codec {
	if len(frame) > 0 && frame[0] == 0x80 {
		return Pickle
	}
	return JSON
}

// Encode writes a message, given as one of this package's types or as a map.
// The names of fields are those of their json tags, in both codecs.
func (c Codec) Encode(value any) ([]byte, error) {
	tree, err := plain(value)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if c == Pickle {
		return pickle.Encode(tree)
	}
	frame, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return frame, nil
}

// fields reads a frame as the fields of a message.
func (c Codec) fields(frame []byte) (map[string]any, error) {
	decode := decodeJSON
	if c == Pickle {
		decode = pickle.Decode
	}
	value, err := decode(frame)
	if err != nil {
		return nil, err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("decode message: a %s with fields is expected, not %s", c.container(), kind(value))
	}
	return fields, nil
}

func (c Codec) container() string {
	if c == Pickle {
		return "dict"
	}
	return "JSON object"
}
