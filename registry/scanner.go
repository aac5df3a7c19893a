package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON token by token. encoding/json would forgive what must not
// be forgiven here: duplicate keys, keys in another case, broken UTF-8 and lone
// surrogates.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) unexpected(want string) error {
	s.space()
	if s.pos >= len(s.data) {
		return fmt.Errorf("the data ends at byte %d, want %s", s.pos, want)
	}
	return fmt.Errorf("found %q at byte %d, want %s", s.data[s.pos], s.pos, want)
}

func (s *scanner) accept(c byte) bool {
	s.space()
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) expect(c byte, want string) error {
	if !s.accept(c) {
		return s.unexpected(want)
	}
	return nil
}

func (s *scanner) literal(word string) bool {
	s.space()
	if strings.HasPrefix(string(s.data[s.pos:min(len(s.data), s.pos+len(word))]), word) {
		s.pos += len(word)
		return true
	}
	return false
}

func (s *scanner) null() bool { return s.literal("null") }

// end accepts nothing but white space.
func (s *scanner) end() error {
	s.space()
	if s.pos < len(s.data) {
		return fmt.Errorf("%d more bytes after the value, from byte %d", len(s.data)-s.pos, s.pos)
	}
	return nil
}

// number returns the text of a JSON number.
func (s *scanner) number() (string, error) {
	s.space()
	start := s.pos
	for s.pos < len(s.data) && strings.IndexByte("+-.eE0123456789", s.data[s.pos]) >= 0 {
		s.pos++
	}
	if s.pos == start {
		return "", s.unexpected("a number")
	}
	text := s.data[start:s.pos]
	if !json.Valid(text) {
		return "", fmt.Errorf("%q at byte %d is not a number", shorten(string(text)), start)
	}
	return string(text), nil
}

// string returns the content of a JSON string.
func (s *scanner) string() (string, error) {
	if err := s.expect('"', "a string"); err != nil {
		return "", err
	}
	start, escaped := s.pos, false
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			text := s.data[start:s.pos]
			s.pos++
			return s.unescape(text, escaped, start)
		case c == '\\':
			escaped = true
			s.pos += 2
		case c < 0x20:
			return "", fmt.Errorf("control character %q in the string at byte %d", c, s.pos)
		default:
			s.pos++
		}
	}
	s.pos = len(s.data)
	return "", fmt.Errorf("the string at byte %d does not end", start)
}

func (s *scanner) unescape(text []byte, escaped bool, start int) (string, error) {
	if !utf8.Valid(text) {
		return "", fmt.Errorf("the string at byte %d is not UTF-8", start)
	}
	if !escaped {
		return string(text), nil
	}
	if err := checkSurrogates(string(text)); err != nil {
		return "", fmt.Errorf("the string at byte %d: %w", start, err)
	}
	var out string
	if err := json.Unmarshal(s.data[start-1:s.pos], &out); err != nil {
		return "", fmt.Errorf("the string at byte %d: %w", start, err)
	}
	return out, nil
}

// checkSurrogates refuses \u escapes of half a character, which encoding/json
// replaces without a word.
func checkSurrogates(text string) error {
	unit := func(i int) (uint64, bool) {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(text[i+2:i+6], 16, 16)
		return n, err == nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		n, ok := unit(i)
		switch {
		case !ok:
			i++ // another escape; json checks it
		case n < 0xD800 || n > 0xDFFF:
			i += 5
		default:
			low, ok := unit(i + 6)
			if n > 0xDBFF || !ok || low < 0xDC00 || low > 0xDFFF {
				return errors.New("half a character (a lone surrogate) is escaped")
			}
			i += 11
		}
	}
	return nil
}
