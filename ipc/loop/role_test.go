package loop

import (
	"testing"

	zmq "github.com/pebbe/zmq4"
)

// A viewer's data channel takes images in, in both forms that exist.
func TestDataSocketsOfOtherRoles(t *testing.T) {
	t.Parallel()
	for role, kind := range map[DataRole]zmq.Type{Receives: zmq.PUB, Acknowledges: zmq.REQ} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 10)
			s := serve(t, Options{DataRole: role, OnData: func(frame []byte) []byte {
				select {
				case got <- string(frame):
				default: // a callback never waits
				}
				return []byte("shown")
			}})
			s.Publish([]byte("nobody hears")) // and nothing breaks
			client := dial(t, kind, s.data)
			if role == Receives {
				// A publisher does not know when its subscriber is there: it says hello until it is.
				for heard := false; !heard; {
					if _, err := client.SendMessage("topic", "image"); err != nil {
						t.Fatal(err)
					}
					select {
					case text := <-got:
						if text != "image" {
							t.Errorf("got %q", text)
						}
						heard = true
					default:
					}
				}
			} else {
				if _, err := client.SendMessage("image"); err != nil {
					t.Fatal(err)
				}
				if reply := receiveParts(t, client); len(reply) != 1 || reply[0] != "shown" {
					t.Errorf("the reply is %q", reply)
				}
				if text := wait(t, got, "the image"); text != "image" {
					t.Errorf("got %q", text)
				}
			}
			if s.Stats().Received == 0 {
				t.Error("nothing was counted")
			}
		})
	}
}
