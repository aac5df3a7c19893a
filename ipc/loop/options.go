package loop

import (
	"log/slog"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

// Endpoint is an address that a socket is bound to: "ipc:///absolute/path"
// or "tcp://127.0.0.1:7777" (port 0 or * takes a free one).
type Endpoint struct {
	Address string
	// Replace takes the place of a socket file that is left over. Without
	// it an existing file is an error. The caller holds the lock that says
	// nobody lives there.
	Replace bool
}

// Curve requires keys from everybody who connects over TCP.
type Curve struct {
	SecretKey string   // the server's, 40 characters of Z85
	Allowed   []string // public keys of clients; more with Loop.AllowKey
}

// Options says what a loop binds and whom it tells. Zero values have the
// defaults given here.
type Options struct {
	Control  []Endpoint // required
	Data     []Endpoint
	DataRole DataRole // what the data socket is for; Publishes
	Progress Endpoint // where workers push, IPC only; empty: nowhere

	// The callbacks run on the loop's goroutine: they return at once.
	OnRequest   func(Request) // required
	OnProgress  func(*progress.Event)
	OnSubscribe func(topic []byte) // a client's subscription arrived, also a repeated one
	// OnData takes what arrives on a data socket that receives. What it returns
	// is the reply where the socket acknowledges, and ignored elsewhere.
	OnData func(frame []byte) []byte

	Curve  *Curve // nil: no keys, also over TCP
	Logger *slog.Logger

	ReplyTimeout   time.Duration // until the loop answers a request itself; 4 s, under the clients' 5 s
	MaxMessage     int64         // bytes of a control frame; 4 MiB. A larger one drops the connection
	MaxData        int64         // bytes of a frame that the data socket receives; 256 MiB
	MaxConnections int           // open at once; a quarter of the process's descriptors, at most 1024
	MaxOpen        int           // requests open at once; 4096. Beyond it the reply is "busy"
	PublishQueue   int           // frames waiting for the data socket; 4096
	Handshake      time.Duration // until a connection must have introduced itself; 5 s
	HeartbeatTCP   time.Duration // between heartbeats to TCP peers; 10 s
	Backlog        int           // connections not yet accepted; 256
	ClosingLinger  time.Duration // how long the last replies may take to leave; 300 ms
}

// DataRole is what a server's data socket does: each role of server has its own.
type DataRole string

// The roles of a data socket.
const (
	Publishes    DataRole = "publishes"    // XPUB: an execution server's progress
	Receives     DataRole = "receives"     // SUB: what others publish, such as images for a viewer
	Acknowledges DataRole = "acknowledges" // REP: the same, and every message gets a reply
)

func (o Options) withDefaults() Options {
	setDefault(&o.ReplyTimeout, 4*time.Second)
	setDefault(&o.MaxMessage, 4<<20)
	setDefault(&o.MaxData, 256<<20)
	setDefault(&o.DataRole, Publishes)
	setDefault(&o.MaxConnections, mostConnections())
	setDefault(&o.MaxOpen, 4096)
	setDefault(&o.PublishQueue, 4096)
	setDefault(&o.Handshake, 5*time.Second)
	setDefault(&o.HeartbeatTCP, 10*time.Second)
	setDefault(&o.Backlog, 256)
	setDefault(&o.ClosingLinger, 300*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T comparable](value *T, missing T) {
	var zero T
	if *value == zero {
		*value = missing
	}
}

const (
	progressPerTurn = 128 // frames; bounds how long control waits
	controlPerTurn  = 256 // requests; bounds how long progress waits
	publishPerTurn  = 256 // frames

	progressMark = 20_000   // frames of the PULL socket
	publishMark  = 10_000   // frames per subscriber
	controlMark  = 1_000    // messages per client
	maxProgress  = 1 << 20  // bytes of a progress frame
	maxSubscribe = 4 << 10  // bytes of a subscription
	maxParts     = 8        // parts of a message that are kept
	maxHop       = 255      // bytes of a part before the delimiter
	maxOpenOfOne = 512      // requests of one client that are open
	maxOpenBytes = 64 << 20 // payload of all requests that are open
)
