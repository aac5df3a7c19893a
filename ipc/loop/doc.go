// Package loop owns the server's ZeroMQ sockets.
//
// ONE goroutine, the one that calls [Loop.Run], owns them all; nothing else
// touches one:
//
//   - control (ROUTER): requests come in, each gets exactly one reply;
//   - data, by the server's role ([DataRole]): progress goes out and subscriptions
//     are reported (XPUB), or images come in (SUB, REP);
//   - progress (PULL): workers' protobuf events come in;
//   - ZAP (ROUTER, inproc): asks who may come in, when CURVE is on;
//   - a wake pair (see package wake), for [Loop.Reply] and [Loop.Publish].
//
// Every turn it serves control first, then at most 128 progress frames, so
// that a flood of progress never keeps a client waiting.
//
// # Promises
//
// Every message received on control gets exactly one reply: a malformed one
// from the loop itself, and a request that nobody answers within
// Options.ReplyTimeout an error reply, also from the loop. What is still
// open when the loop ends is answered too. A second reply to a request is
// refused.
//
// Reply and Publish may be called from any goroutine, also from inside a
// callback, and never block. Order is kept among replies and among published
// frames. When more than Options.PublishQueue frames wait, the oldest are
// dropped and counted.
//
// Everything is bounded: connections, frame size, open requests, queues, the time a
// connection may take to introduce itself. Over TCP a peer that went silent is
// disconnected by heartbeat.
//
// # What it leaves out
//
// Locks. Binding an IPC path that a live server holds succeeds and steals it,
// so the caller holds a lifetime lock for the path, and only then says that
// an existing socket file may be replaced ([Endpoint].Replace).
//
// The callbacks run on the loop's goroutine and must return at once; work
// belongs elsewhere.
package loop
