package server

import (
	"fmt"
	"testing"
	"time"
)

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time           { return c.at }
func (c *clock) advance(by time.Duration) { c.at = c.at.Add(by) }
func newClock() *clock                    { return &clock{time.Unix(1_700_000_000, 0)} }
func (c *clock) clients() (*clients, func(ping bool)) {
	all := newClients(c.now)
	return all, func(ping bool) {
		all.begin(ping)
		all.end(ping)
	}
}

func TestServerStaysForItsFirstClient(t *testing.T) {
	t.Parallel()
	c := newClock()
	all, ask := c.clients()
	c.advance(silence)
	if all.close() {
		t.Error("a server that was just started gives its client no time to come")
	}
	ask(true) // it was found
	c.advance(silence)
	if all.close() {
		t.Error("a client that found the server gets no time to ask for something")
	}
	c.advance(time.Second)
	if !all.close() {
		t.Error("a server that nobody comes to stays")
	}
	if all.admits() {
		t.Error("a server that ends takes work")
	}
}

func TestServerEndsSoonAfterItsLastClient(t *testing.T) {
	t.Parallel()
	c := newClock()
	all, ask := c.clients()
	all.join("a")
	all.join("b")
	ask(false)
	all.leave("a")
	c.advance(afterLast + time.Millisecond)
	if all.close() {
		t.Error("one client is left")
	}
	all.leave("b")
	if !all.close() {
		t.Error("the last client has left and said so")
	}
}

func TestServerDoesNotEndUnderARequest(t *testing.T) {
	t.Parallel()
	c := newClock()
	all, _ := c.clients()
	all.leave("somebody")
	all.begin(false) // a submission that takes its time
	c.advance(time.Minute)
	if all.close() {
		t.Error("it ends while a request is being answered")
	}
	all.end(false)
	if all.close() {
		t.Error("it ends before the next request can come")
	}
}

// Whoever only looks whether a server is there does not keep it for a client
// that has died.
func TestPingsKeepNoDeadClient(t *testing.T) {
	t.Parallel()
	c := newClock()
	all, ask := c.clients()
	all.join("dead")
	for range 20 {
		c.advance(time.Second)
		ask(true)
	}
	if !all.close() {
		t.Error("a dead client is waited for as long as somebody pings")
	}
}

func TestRegistrationsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	all, _ := c.clients()
	for i := range maxClients + 100 {
		c.advance(time.Millisecond)
		all.join(fmt.Sprint(i))
	}
	if n := all.count(); n != maxClients {
		t.Errorf("%d clients are remembered, want %d", n, maxClients)
	}
	if n := all.join(fmt.Sprint(maxClients + 99)); n != maxClients {
		t.Errorf("one that comes again makes %d", n)
	}
}
