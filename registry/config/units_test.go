package config_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"pgregory.net/rapid"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, back string
		want       int64
	}{
		{"0", "0B", 0}, {"0B", "0B", 0}, {"1500", "1500B", 1500}, {"2GiB", "2GiB", 2 << 30}, {"2 gib", "2GiB", 2 << 30},
		{"1.5GiB", "1536MiB", 3 << 29}, {"1GB", "1000000000B", 1e9}, {"1.024KB", "1KiB", 1024}, {"-1KiB", "-1KiB", -1024},
	} {
		b, err := config.ParseBytes(tc.text)
		if err != nil || int64(b) != tc.want || b.String() != tc.back && tc.text != "1GB" {
			t.Errorf("%s: %d %s, %v", tc.text, b, b, err)
		}
	}
	for text, want := range map[string]string{
		"2GiBs": `did you mean "GiB"?`, "G": "is not an amount", "": "is not an amount", "1.5B": "not a whole number",
		"9000000TiB": "", "99999999TiB": "more memory than can be counted", "1e9": "is not an amount", strings.Repeat("9", 999): "is not an amount", "2 XiB": "unknown unit",
	} {
		if b, err := config.ParseBytes(text); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40s: %v, %v, want an error with %s", text, b, err, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"1h": time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second, "2m": 2 * time.Minute, "250ms": 250 * time.Millisecond,
		"0s": 0, "10s": 10 * time.Second, "1h0m5s": time.Hour + 5*time.Second, "100h": 100 * time.Hour, "20m": 20 * time.Minute,
	} {
		if got := config.Duration(d).String(); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
	for _, bad := range []string{"", "90", "5 minutes", "1d"} {
		if d, err := config.ParseDuration(bad); err == nil {
			t.Errorf("%q was read as %v", bad, d)
		}
	}
}

func TestUnitsReadBackProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-9, 9), rapid.Map(rapid.IntRange(0, 62), func(i int) int64 { return 1 << i })).Draw(t, "n")
		var d config.Duration
		if err := d.UnmarshalText([]byte(config.Duration(n).String())); err != nil || int64(d) != n {
			t.Fatalf("duration %d came back as %d, %v", n, d, err)
		}
		if n == math.MinInt64 {
			return
		}
		var b config.Bytes
		if err := b.UnmarshalText([]byte(config.Bytes(n).String())); err != nil || int64(b) != n {
			t.Fatalf("bytes %d came back as %d, %v", n, b, err)
		}
	})
}
