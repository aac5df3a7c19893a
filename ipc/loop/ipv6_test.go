package loop

import "testing"

func TestIPv6Loopback(t *testing.T) {
	t.Parallel()
	l, err := Listen(Options{Control: []Endpoint{{Address: "tcp://[::1]:0"}}, OnRequest: func(Request) {}})
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	l.Close()
}
