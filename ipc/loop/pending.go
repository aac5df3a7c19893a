package loop

import (
	"container/list"
	"sync"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// outgoing is a reply on its way.
type outgoing struct {
	to      envelope
	payload []byte
}

// open is a request that waits for its reply.
type open struct {
	id    uint64
	to    envelope
	codec message.Codec
	size  int // bytes of payload
	due   time.Time
}

// desk keeps account of requests and what goes out. It is where the loop's
// goroutine and all others meet.
type desk struct {
	mutex sync.Mutex

	last    uint64
	byID    map[uint64]*list.Element // of *open
	oldest  *list.List               // in order of arrival, which is the order of being due
	limit   int
	bytes   int            // payload of what is open
	peers   map[string]int // open, by the client's identity
	closed  bool
	replies []outgoing

	publish      [][]byte // ring of frames
	head, length int
	dropped      uint64
}

func newDesk(maxOpen, publishQueue int) *desk {
	return &desk{byID: map[uint64]*list.Element{}, oldest: list.New(), peers: map[string]int{}, limit: maxOpen, publish: make([][]byte, publishQueue)}
}

// admit takes up a request; false when too many are open, of everybody or of
// this client: one that asks without end must not keep others out.
func (d *desk) admit(to envelope, payload []byte, due time.Time) (uint64, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	peer := string(to[0])
	if len(d.byID) >= d.limit || d.peers[peer] >= maxOpenOfOne || d.bytes+len(payload) > maxOpenBytes {
		return 0, false
	}
	d.last++
	d.peers[peer]++
	d.bytes += len(payload)
	d.byID[d.last] = d.oldest.PushBack(&open{d.last, to, message.CodecOf(payload), len(payload), due})
	return d.last, true
}

// answer queues the reply to a request; false when it has had one.
func (d *desk) answer(id uint64, payload []byte) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.answerLocked(id, payload)
}

func (d *desk) answerLocked(id uint64, payload []byte) bool {
	element, ok := d.byID[id]
	if !ok {
		return false
	}
	delete(d.byID, id)
	answered := d.oldest.Remove(element).(*open)
	d.bytes -= answered.size
	peer := string(answered.to[0])
	if d.peers[peer]--; d.peers[peer] == 0 {
		delete(d.peers, peer)
	}
	d.replies = append(d.replies, outgoing{answered.to, payload})
	return true
}

// post queues a reply to a message that was not taken up.
func (d *desk) post(to envelope, payload []byte) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.replies = append(d.replies, outgoing{to, payload})
}

// expire answers what is due with an error, everything if all is set, and
// returns how many those were and when the next one is due.
func (d *desk) expire(now time.Time, all bool, reason error) (expired int, next time.Time) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for element := d.oldest.Front(); element != nil; element = d.oldest.Front() {
		waiting := element.Value.(*open)
		if !all && waiting.due.After(now) {
			return expired, waiting.due
		}
		d.answerLocked(waiting.id, message.EncodeError(waiting.codec, reason))
		expired++
	}
	return expired, time.Time{}
}

// enqueue takes a frame for the data socket; the oldest makes room. It
// reports whether the loop still runs.
func (d *desk) enqueue(frame []byte) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.closed {
		return false
	}
	if d.length == len(d.publish) {
		d.publish[d.head] = nil
		d.head = (d.head + 1) % len(d.publish)
		d.length--
		d.dropped++
	}
	d.publish[(d.head+d.length)%len(d.publish)] = frame
	d.length++
	return true
}

// takeReplies hands over all replies; the caller returns the slice as spare.
func (d *desk) takeReplies(spare []outgoing) []outgoing {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	replies := d.replies
	clear(spare)
	d.replies = spare[:0]
	return replies
}

// takeFrames appends at most n frames to the buffer; more says that others
// wait.
func (d *desk) takeFrames(buffer [][]byte, n int) (frames [][]byte, more bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for ; n > 0 && d.length > 0; n-- {
		buffer = append(buffer, d.publish[d.head])
		d.publish[d.head] = nil
		d.head = (d.head + 1) % len(d.publish)
		d.length--
	}
	return buffer, d.length > 0
}

func (d *desk) close() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.closed = true
}

func (d *desk) counts() (open int, dropped uint64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.byID), d.dropped
}
