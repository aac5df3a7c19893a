package plate

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxText bounds a metadata file that has to be held whole.
const maxText = 64 << 20

// utf8Text reads instrument text as UTF-8: a byte-order mark is dropped and
// UTF-16 with one is decoded. Other text passes through unchanged.
func utf8Text(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	mark, err := b.Peek(3)
	if err != nil && len(mark) < 2 {
		return b, nil // too short for a mark; its reader sees the end
	}
	switch {
	case len(mark) == 3 && string(mark) == "\xef\xbb\xbf":
		_, err = b.Discard(3)
		return b, err
	case mark[0] == 0xff && mark[1] == 0xfe:
		return fromUTF16(b, binary.LittleEndian)
	case mark[0] == 0xfe && mark[1] == 0xff:
		return fromUTF16(b, binary.BigEndian)
	}
	return b, nil
}

func fromUTF16(r io.Reader, order binary.ByteOrder) (io.Reader, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxText {
		return nil, fmt.Errorf("it is longer than %d bytes", maxText)
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 { // after the mark
		units = append(units, order.Uint16(data[i:]))
	}
	return strings.NewReader(string(utf16.Decode(units))), nil
}

// latin1 decodes bytes that are not UTF-8 as ISO 8859-1, in which every byte
// is a character: a channel's name may look odd, but nothing is lost.
func latin1(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

// xmlCharset serves XML that declares an encoding. utf8Text has dealt with
// UTF-16; the rest of what instruments declare is Latin.
func xmlCharset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be":
		return input, nil
	case "iso-8859-1", "latin1", "windows-1252", "us-ascii", "ascii":
		data, err := io.ReadAll(io.LimitReader(input, maxText))
		if err != nil {
			return nil, err
		}
		return strings.NewReader(latin1(data)), nil
	}
	return nil, fmt.Errorf("encoding %q is not read", label)
}
