// Package control is the client's side of a server's two channels.
//
// A [Client] asks on the control channel: [Client.Call] sends a request and
// waits for its reply, from any number of goroutines at once. Each client has
// one goroutine that owns its DEALER socket; requests carry a correlation id
// in front of the empty delimiter, as REQ does with ZMQ_REQ_CORRELATE, which
// servers with a ROUTER or REP socket send back. A reply that comes after its
// caller gave up is dropped and disturbs nobody.
//
// A request leaves only over a connection that exists: one that could not
// leave before its deadline is never carried out later, and the error says
// [ErrUnreachable]; [ErrNoReply] says that it left. After a server restarts
// the connection comes back by itself, and requests that may be sent twice
// (all but execute and retry) are sent again.
//
// [Subscribe] follows the data channel in a goroutine that ends with its
// context. [Probe] is one ping, in either codec, for finding servers.
//
// What it leaves out: which server to ask, and starting one.
package control
