package control

import (
	"context"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// Probe pings an endpoint once, in the codec of the options: Pickle reaches
// foreign servers, which know nothing else. [ErrUnreachable] says that nobody
// is there, [ErrNoReply] that somebody is and stays silent.
func Probe(ctx context.Context, endpoint string, options Options) (message.Pong, error) {
	client, err := Dial(endpoint, options)
	if err != nil {
		return message.Pong{}, err
	}
	defer client.Close()
	var pong message.Pong
	err = client.Call(ctx, message.Ping{}, &pong)
	return pong, err
}
