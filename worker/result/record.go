package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrInvalid is wrapped by every error about a record, fragment or result
// that is damaged, foreign or does not match its digest.
var ErrInvalid = errors.New("invalid result")

// A DamagedError names the file that cannot be trusted and why. It is an
// [ErrInvalid].
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }

func (e *DamagedError) Unwrap() []error { return []error{ErrInvalid, e.Err} }

// recordSchema is the version of the envelope and of what it carries.
const recordSchema = 1

// maxRecord bounds a record read from disk; a 1536-well job log with long
// errors stays far below.
const maxRecord = 256 << 20

// envelope wraps a JSON value with its kind and digest, so that a torn or
// flipped record cannot pass for a valid one.
type envelope struct {
	Schema int             `json:"schema"`
	Kind   string          `json:"kind"`
	SHA256 string          `json:"sha256"`
	Value  json.RawMessage `json:"value"`
}

func encodeRecord(kind string, value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	sum := sha256.Sum256(raw)
	text, err := json.Marshal(envelope{Schema: recordSchema, Kind: kind, SHA256: hex.EncodeToString(sum[:]), Value: raw})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return append(text, '\n'), nil
}

// decodeRecord reads one record of the kind strictly: nothing unknown,
// nothing after it.
func decodeRecord(text []byte, kind string, into any) error {
	var e envelope
	if err := strictJSON(text, &e); err != nil {
		return err
	}
	switch {
	case e.Kind != kind:
		return fmt.Errorf("holds %q, want %q", e.Kind, kind)
	case e.Schema != recordSchema:
		return fmt.Errorf("has schema %d, this version reads %d", e.Schema, recordSchema)
	}
	sum := sha256.Sum256(e.Value)
	if hex.EncodeToString(sum[:]) != e.SHA256 {
		return errors.New("content does not match its digest")
	}
	return strictJSON(e.Value, into)
}

func strictJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("parse: something follows the record")
	}
	return nil
}

func writeRecord(fs fileSystem, path, kind string, value any) error {
	text, err := encodeRecord(kind, value)
	if err != nil {
		return err
	}
	return fs.writeFile(path, text)
}

// readRecord returns an error that is fs.ErrNotExist when there is no file,
// and a *DamagedError when there is one that cannot be trusted.
func readRecord(path, kind string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open record: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	if len(text) > maxRecord {
		return &DamagedError{Path: path, Err: fmt.Errorf("larger than %d bytes", maxRecord)}
	}
	if err := decodeRecord(text, kind, into); err != nil {
		return &DamagedError{Path: path, Err: err}
	}
	return nil
}

// FileDigest identifies the content of a file.
type FileDigest struct {
	Path   string `json:"path"` // slash-separated, relative to what holds it
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hexadecimal
}

// Digest reads the file name below root and returns its digest under that
// name (slash-separated).
func Digest(root, name string) (FileDigest, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return FileDigest{}, fmt.Errorf("digest file: %w", err)
	}
	defer f.Close()
	return digestOpen(f, name)
}

func digestOpen(f *os.File, name string) (FileDigest, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return FileDigest{}, fmt.Errorf("digest file: %w", err)
	}
	return FileDigest{Path: name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}
