package loop

import (
	"fmt"
	"sync"

	zmq "github.com/pebbe/zmq4"
)

// libzmq asks over ZAP (ZeroMQ RFC 27) whether a key may come in. zmq4's own
// handler crashes when keys are added while it runs, so the loop answers.
const (
	zapEndpoint = "inproc://zeromq.zap.01"
	zapDomain   = "wellhouse"
	zapVersion  = "1.0"
)

// keyring is the set of public keys that may come in. AllowKey may be called
// from any goroutine.
type keyring struct {
	mutex   sync.RWMutex
	allowed map[string]string // 32 bytes → Z85
}

func newKeyring() *keyring { return &keyring{allowed: map[string]string{}} }

func decodeKey(key string) (string, error) {
	// Z85decode does not report characters that are not Z85; encoding again
	// shows them.
	if len(key) == 40 {
		if raw := zmq.Z85decode(key); len(raw) == 32 && zmq.Z85encode(raw) == key {
			return raw, nil
		}
	}
	return "", fmt.Errorf("key %q is not 40 characters of Z85", key)
}

func (k *keyring) allow(key string) error {
	raw, err := decodeKey(key)
	if err != nil {
		return err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.allowed[raw] = key
	return nil
}

func (k *keyring) revoke(key string) error {
	raw, err := decodeKey(key)
	if err != nil {
		return err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.allowed, raw)
	return nil
}

// holds tells whether a key may come in.
func (k *keyring) holds(key string) bool {
	raw, err := decodeKey(key)
	if err != nil {
		return false
	}
	_, ok := k.find([]byte(raw))
	return ok
}

func (k *keyring) find(raw []byte) (string, bool) {
	k.mutex.RLock()
	defer k.mutex.RUnlock()
	key, ok := k.allowed[string(raw)]
	return key, ok
}

func (l *Loop) bindZAP() (*zmq.Socket, error) {
	socket, err := l.context.NewSocket(zmq.ROUTER)
	if err != nil {
		return nil, fmt.Errorf("create ZAP socket: %w", err)
	}
	if err := socket.SetLinger(0); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("set up ZAP socket: %w", err)
	}
	if err := socket.Bind(zapEndpoint); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("bind ZAP socket: %w", err)
	}
	return socket, nil
}

// receiveZAP answers who may come in: [identity, "", version, request id,
// domain, address, routing id, mechanism, credentials…].
func (l *Loop) receiveZAP() {
	for range controlPerTurn {
		parts, err := l.zap.RecvMessageBytes(zmq.DONTWAIT)
		if err != nil {
			return
		}
		if len(parts) < 8 {
			continue // not from libzmq; nobody waits
		}
		code, text, user := "400", "no access", ""
		if string(parts[7]) == "CURVE" && len(parts) == 9 {
			if key, ok := l.keys.find(parts[8]); ok {
				code, text, user = "200", "OK", key
			}
		}
		if code != "200" {
			l.stats.denied.Add(1)
			l.options.Logger.Warn("refused a connection without a known key", "address", string(parts[5]))
		}
		_, _ = l.zap.SendMessageDontwait(parts[0], "", zapVersion, parts[3], code, text, user, "")
	}
}
