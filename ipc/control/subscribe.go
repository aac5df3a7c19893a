package control

import (
	"context"
	"errors"

	zmq "github.com/pebbe/zmq4"

	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/ipc/wake"
)

// eventsBuffered is how many events wait for a reader before the oldest make
// room.
const eventsBuffered = 4096

// Subscribe follows the events on a data endpoint until the context ends,
// which closes the channel. The server may come later and go in between. A
// reader that does not keep up loses the oldest events; frames that are no
// progress events are left out.
func Subscribe(ctx context.Context, endpoint string, options Options) (<-chan *progress.Event, error) {
	zctx, socket, err := connect(zmq.SUB, endpoint, options.withDefaults(), func(s *zmq.Socket) error {
		return errors.Join(s.SetRcvhwm(10_000), s.SetSubscribe(""))
	})
	if err != nil {
		return nil, err
	}
	waker, err := wake.New(zctx)
	if err != nil {
		_ = socket.Close()
		_ = zctx.Term()
		return nil, err
	}
	events := make(chan *progress.Event, eventsBuffered)
	go func() {
		defer close(events)
		defer func() {
			waker.Close()
			_ = socket.Close()
			_ = zctx.Term()
		}()
		defer context.AfterFunc(ctx, waker.Wake)()
		follow(ctx, socket, waker, events)
	}()
	return events, nil
}

func follow(ctx context.Context, socket *zmq.Socket, waker *wake.Waker, events chan *progress.Event) {
	poller := zmq.NewPoller()
	poller.Add(waker.Socket(), zmq.POLLIN)
	poller.Add(socket, zmq.POLLIN)
	for ctx.Err() == nil {
		if _, err := poller.Poll(-1); err != nil {
			return
		}
		waker.Drain()
		for ctx.Err() == nil {
			frame, err := socket.RecvBytes(zmq.DONTWAIT)
			if err != nil {
				break
			}
			if event, err := progress.ParseJSON(frame); err == nil {
				offer(events, event)
			}
		}
	}
}

// offer puts the event into the channel; the oldest makes room. Only one
// goroutine sends, so the second attempt fits at the latest when the reader
// has taken one too.
func offer(events chan *progress.Event, event *progress.Event) {
	for {
		select {
		case events <- event:
			return
		default:
		}
		select {
		case <-events:
		default:
		}
	}
}
