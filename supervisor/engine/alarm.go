package engine

import (
	"slices"
	"time"
)

// alarm is one timer for many times to wake up at. One goroutine owns it.
type alarm struct {
	now   func() time.Time
	timer *time.Timer
	times []time.Time // ascending
}

func newAlarm(now func() time.Time) *alarm {
	a := &alarm{now: now, timer: time.NewTimer(0)}
	a.stop()
	return a
}

func (a *alarm) stop() { a.timer.Stop() }

func (a *alarm) set(t time.Time) {
	i, found := slices.BinarySearchFunc(a.times, t, time.Time.Compare)
	if found {
		return
	}
	a.times = slices.Insert(a.times, i, t)
	a.arm()
}

// rang drops the times that have come and arms the timer for the next.
func (a *alarm) rang() {
	now := a.now()
	a.times = slices.DeleteFunc(a.times, func(t time.Time) bool { return !t.After(now) })
	a.arm()
}

func (a *alarm) arm() {
	if len(a.times) > 0 {
		a.timer.Reset(max(0, a.times[0].Sub(a.now())))
	}
}
