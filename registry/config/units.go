package config

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Duration is a time span with the text form "1h30m", "90s", "250ms".
type Duration time.Duration

// Std returns the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest text form: 1h, not 1h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ParseDuration reads the text form; a number needs a unit, except 0.
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write a number with its unit, such as 90s, 5m or 1h30m", clip(s))
	}
	return Duration(d), nil
}

// MarshalText writes the text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// Bytes is an amount of memory with the text form "2GiB", "512MiB", "100B".
type Bytes int64

type byteUnit struct {
	name string
	size int64
}

// byteUnits lists the units, binary ones first and the largest first.
func byteUnits() []byteUnit {
	return []byteUnit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	}
}

// String returns the exact text form in the largest binary unit that divides b.
func (b Bytes) String() string {
	for _, u := range byteUnits() {
		if b != 0 && int64(b)%u.size == 0 {
			return fmt.Sprintf("%d%s", int64(b)/u.size, u.name)
		}
	}
	return "0B"
}

// splitBytes cuts a text into a decimal number, of at most 19 digits before the
// point and 12 after it, and the letters that follow it or one blank.
func splitBytes(s string) (number, unit string, ok bool) {
	rest := strings.TrimPrefix(s, "-")
	digits := func(most int) bool {
		n := 0
		for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
			n++
		}
		rest = rest[n:]
		return n > 0 && n <= most
	}
	if !digits(19) {
		return "", "", false
	}
	if fraction, found := strings.CutPrefix(rest, "."); found {
		rest = fraction
		if !digits(12) {
			return "", "", false
		}
	}
	number = s[:len(s)-len(rest)]
	unit = strings.TrimPrefix(rest, " ")
	for _, c := range []byte(unit) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return "", "", false
		}
	}
	return number, unit, true
}

// ParseBytes reads the text form: a number of whole bytes, or one with a binary
// (KiB, MiB, GiB, TiB) or decimal (KB, MB, GB, TB) unit in any case, such as
// "1.5GiB".
func ParseBytes(s string) (Bytes, error) {
	number, unit, ok := splitBytes(s)
	if !ok {
		return 0, fmt.Errorf("%q is not an amount of memory: write a number with its unit, such as 512MiB or 2GiB", clip(s))
	}
	size := int64(0)
	var names []string
	for _, u := range byteUnits() {
		names = append(names, u.name)
		if strings.EqualFold(u.name, unit) || unit == "" && u.size == 1 {
			size = u.size
		}
	}
	if size == 0 {
		return 0, fmt.Errorf("%q: %w", clip(s), enums.Unknown("unit of memory", unit, names))
	}
	amount, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, fmt.Errorf("%q is not an amount of memory", clip(s))
	}
	amount.Mul(amount, new(big.Rat).SetInt64(size))
	if !amount.IsInt() {
		return 0, fmt.Errorf("%q is not a whole number of bytes", clip(s))
	}
	if !amount.Num().IsInt64() {
		return 0, fmt.Errorf("%q is more memory than can be counted", clip(s))
	}
	return Bytes(amount.Num().Int64()), nil
}

// MarshalText writes the text form.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the text form.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// clip shortens what came from outside, for a message.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
