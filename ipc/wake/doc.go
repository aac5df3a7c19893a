// Package wake lets any goroutine wake the one that polls ZeroMQ sockets.
//
// A ZeroMQ socket belongs to one goroutine, and that goroutine sleeps in
// zmq_poll, which Go's channels and raw descriptors cannot end. A [Waker] is
// a pair of inproc sockets: the owner polls one end, everybody else sends
// through the other, at most one frame until the owner has drained it, so
// that a thousand wakes cost one.
//
// It carries no data: put the data in a queue first, then wake.
package wake
