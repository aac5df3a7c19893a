package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/wellhouse-hcs/wellhouse/ipc/pickle"
)

// decodeJSON reads one JSON text into the same plain values, and within the
// same limits, as pickle.Decode: integers that fit become int64, other
// numbers float64. A key that comes twice has its last value.
func decodeJSON(frame []byte) (any, error) {
	if len(frame) == 0 {
		return nil, errors.New("decode message: it is empty")
	}
	if len(frame) > pickle.MaxSize {
		return nil, fmt.Errorf("decode JSON: %d bytes, at most %d", len(frame), pickle.MaxSize)
	}
	decoder := json.NewDecoder(bytes.NewReader(frame))
	decoder.UseNumber()
	r := jsonReader{decoder: decoder}
	value, err := r.value(0)
	if err != nil {
		return nil, fmt.Errorf("decode JSON at byte %d: %w", decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("decode JSON at byte %d: more follows the end", decoder.InputOffset())
	}
	return value, nil
}

type jsonReader struct {
	decoder *json.Decoder
	values  int
}

func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth >= pickle.MaxDepth {
			return nil, fmt.Errorf("nested deeper than %d", pickle.MaxDepth)
		}
		if t == '[' {
			return r.array(depth)
		}
		return r.object(depth)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		n, err := t.Float64()
		if err != nil {
			return nil, errors.New("a number is out of range")
		}
		return n, nil
	default:
		return t, nil
	}
}

func (r *jsonReader) token() (json.Token, error) {
	if r.values++; r.values > pickle.MaxValues {
		return nil, fmt.Errorf("more than %d values", pickle.MaxValues)
	}
	token, err := r.decoder.Token()
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	return token, err
}

func (r *jsonReader) array(depth int) (any, error) {
	items := []any{}
	for r.decoder.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := r.token()
	return items, err
}

func (r *jsonReader) object(depth int) (any, error) {
	entries := map[string]any{}
	for r.decoder.More() {
		key, err := r.token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("a key is not text")
		}
		if entries[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.token()
	return entries, err
}
