package loop

import (
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
)

// receive takes one message with all its parts from a ROUTER. Of a message
// with more parts than any request has, the rest is thrown away and cut is
// set.
func receive(socket *zmq.Socket) (parts [][]byte, peer Peer, cut bool, err error) {
	identity, err := socket.RecvBytes(zmq.DONTWAIT)
	if err != nil {
		return nil, Peer{}, false, err
	}
	// The identity is made by libzmq and does not always carry the metadata;
	// what follows it came over the wire and does.
	part, metadata, err := socket.RecvBytesWithMetadata(zmq.DONTWAIT, "Peer-Address", "User-Id")
	parts = append(parts, identity, part)
	for err == nil {
		var more bool
		if more, err = socket.GetRcvmore(); err != nil || !more {
			break
		}
		if part, err = socket.RecvBytes(zmq.DONTWAIT); len(parts) < maxParts {
			parts = append(parts, part)
		} else {
			cut = true
		}
	}
	return parts, parsePeer(metadata["Peer-Address"], metadata["User-Id"]), cut, err
}

func (l *Loop) receiveControl() {
	for range controlPerTurn {
		parts, peer, cut, err := receive(l.control)
		if err != nil {
			return // nothing is left
		}
		l.stats.requests.Add(1)
		to, payload, err := parse(parts, cut)
		if err != nil {
			l.stats.malformed.Add(1)
			l.refuse(to, payload, err)
			continue
		}
		if peer.Key != "" && !l.keys.holds(peer.Key) {
			l.stats.denied.Add(1)
			l.refuse(to, payload, errRevoked)
			continue
		}
		now := time.Now()
		id, ok := l.desk.admit(to, payload, now.Add(l.options.ReplyTimeout))
		if !ok {
			l.stats.busy.Add(1)
			l.refuse(to, payload, errBusy)
			continue
		}
		l.options.OnRequest(Request{ID: id, Payload: payload, Peer: peer, Received: now})
	}
}

// receiveArrivals keeps the number of connections in bounds.
func (l *Loop) receiveArrivals(monitor *zmq.Socket) {
	if ended := l.crowd.look(monitor); ended > 0 {
		if l.stats.crowded.Add(uint64(ended)) == uint64(ended) { // once: it may come by the thousand
			l.options.Logger.Warn("too many connections are open: the oldest that said nothing are dropped", "limit", l.options.MaxConnections)
		}
	}
}

// refuse answers a message that is not taken up.
func (l *Loop) refuse(to envelope, payload []byte, reason error) {
	l.desk.post(to, message.Refusal(payload, reason.Error()))
}

func (l *Loop) sendReplies() {
	replies := l.desk.takeReplies(l.spareReplies)
	for _, reply := range replies {
		l.stats.replies.Add(1)
		if !l.send(reply) {
			// The client is gone, or does not read what it asked for.
			l.stats.undelivered.Add(1)
		}
	}
	l.spareReplies = replies
}

func (l *Loop) send(reply outgoing) bool {
	// Only the identity, the first part, can be refused.
	for _, part := range reply.to {
		if _, err := l.control.SendBytes(part, zmq.SNDMORE|zmq.DONTWAIT); err != nil {
			return false
		}
	}
	_, err := l.control.SendBytes(reply.payload, zmq.DONTWAIT)
	return err == nil
}

// sendFrames publishes a turn's worth, and says whether others wait.
func (l *Loop) sendFrames() (more bool) {
	if l.data == nil || l.options.DataRole != Publishes {
		return false
	}
	frames, more := l.desk.takeFrames(l.spareFrames, publishPerTurn)
	for _, frame := range frames {
		// A subscriber that does not keep up loses frames; the socket never
		// blocks for it.
		if _, err := l.data.SendBytes(frame, zmq.DONTWAIT); err == nil {
			l.stats.published.Add(1)
		}
	}
	clear(frames)
	l.spareFrames = frames[:0]
	return more
}

// receiveSubscriptions reports what clients subscribed to: frames that start
// with 1. Those with 0 end a subscription; others are nobody's business.
func (l *Loop) receiveSubscriptions() {
	for range controlPerTurn {
		frame, err := l.data.RecvBytes(zmq.DONTWAIT)
		if err != nil {
			return
		}
		if len(frame) > 0 && frame[0] == 1 {
			l.stats.subscriptions.Add(1)
			if l.options.OnSubscribe != nil {
				l.options.OnSubscribe(frame[1:])
			}
		}
	}
}

// receiveData hands on what arrives on a data socket that receives. Of a message
// with several parts the last counts: a topic may come first.
func (l *Loop) receiveData() {
	for range progressPerTurn {
		parts, err := l.data.RecvMessageBytes(zmq.DONTWAIT)
		if err != nil || len(parts) == 0 {
			return
		}
		l.stats.received.Add(1)
		var reply []byte
		if l.options.OnData != nil {
			reply = l.options.OnData(parts[len(parts)-1])
		}
		if l.options.DataRole == Acknowledges {
			_, _ = l.data.SendBytes(reply, zmq.DONTWAIT) // the peer may have gone
		}
	}
}

func (l *Loop) receiveProgress() {
	for range progressPerTurn {
		frame, err := l.progress.RecvBytes(zmq.DONTWAIT)
		if err != nil {
			return
		}
		event, err := progress.Decode(frame)
		if err != nil {
			l.stats.badProgress.Add(1)
			continue
		}
		l.stats.progress.Add(1)
		if l.options.OnProgress != nil {
			l.options.OnProgress(event)
		}
	}
}
