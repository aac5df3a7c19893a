package loop

import (
	"strconv"
	"strings"
	"time"
)

// Peer is what is known of who sent a request.
type Peer struct {
	Address string // of a TCP peer; "localhost" over IPC
	Key     string // public key of a CURVE client, Z85
	// Of an IPC peer, as the kernel has them; known says whether they are.
	Known         bool
	UID, GID, PID int
}

// parsePeer reads libzmq's Peer-Address: an IP address, or
// "host:uid:gid:pid" for IPC.
func parsePeer(address, key string) Peer {
	peer := Peer{Address: address, Key: key}
	parts := strings.Split(address, ":")
	if len(parts) != 4 {
		return peer
	}
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(parts[i+1])
		if err != nil {
			return peer
		}
		numbers[i] = n
	}
	return Peer{
		Address: parts[0], Key: key,
		Known: true, UID: numbers[0], GID: numbers[1], PID: numbers[2],
	}
}

// Request is a message from a client, to be answered with [Loop.Reply].
type Request struct {
	ID       uint64
	Payload  []byte
	Peer     Peer
	Received time.Time
}

// envelope is what goes before a reply: the client's identity and, as the
// client sent it, everything up to the empty delimiter (nothing if there was
// none).
type envelope [][]byte

// parse splits a message from the ROUTER: identity, hops (a correlation id,
// proxies), an empty delimiter, and one frame of payload. The error says why
// it is no request; the envelope then still leads back to the sender. cut
// says that the message had more parts than are given.
func parse(parts [][]byte, cut bool) (envelope, []byte, error) {
	delimiter := 0
	for i := 1; i < len(parts) && len(parts[i]) <= maxHop; i++ {
		if len(parts[i]) == 0 {
			delimiter = i
			break
		}
	}
	to, payload := envelope(parts[:delimiter+1]), parts[delimiter+1:]
	switch {
	case len(payload) == 0:
		// Either an empty message without a delimiter or a delimiter alone;
		// the reply is what a client without one expects.
		if len(parts) == 2 {
			to = to[:1]
		}
		return to, nil, errEmpty
	case len(payload) > 1 || cut:
		return to, payload[0], errManyFrames
	case len(payload[0]) == 0:
		return to, nil, errEmpty
	}
	return to, payload[0], nil
}
