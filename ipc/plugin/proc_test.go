//go:build linux

package plugin

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	got, err := parseStat([]byte("7 (a) b (c)) Z 3 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 8123 0 0\n"))
	if err != nil || got != (Stat{State: 'Z', Parent: 3, Group: 7, Session: 7, Start: 8123}) {
		t.Errorf("got %+v, %v", got, err)
	}
	start, zombie, err := StartTime(os.Getpid())
	if err != nil || zombie || start == 0 {
		t.Errorf("own: %d, %t, %v", start, zombie, err)
	}
	if peakMemory(os.Getpid()) <= 0 || BootID() == "" {
		t.Error("nothing about ourselves")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (x) S 3 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 8123 0 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if got, err := parseStat(line); err != nil && got != (Stat{}) {
			t.Errorf("%+v with %v", got, err)
		}
	})
}
