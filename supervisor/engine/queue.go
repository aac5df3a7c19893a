package engine

import "sync"

// queue is an unbounded first-in first-out queue, so that posting an event
// never blocks; what bounds it is the number of attempts under way.
type queue[T any] struct {
	ready chan struct{} // holds one token while items wait

	mu     sync.Mutex
	items  []T
	closed bool
}

func newQueue[T any]() *queue[T] {
	return &queue[T]{ready: make(chan struct{}, 1)}
}

// put appends an item and tells whether the queue took it.
func (q *queue[T]) put(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, item)
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

// close refuses further items and returns those that were left.
func (q *queue[T]) close() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	items := q.items
	q.items = nil
	return items
}
