package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/supervisor/server"
)

// notifySystemd sends one state to the service manager, when there is one; see
// sd_notify(3).
func notifySystemd(getenv func(string) string, state string) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' {
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// stopping tells that the server ends, and how long that may take: draining, and
// then ending what did not end by itself.
func stopping(drain time.Duration) string {
	return fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d", (drain + time.Minute).Microseconds())
}

// keysPeriod is how soon a running server notices new keys.
const keysPeriod = 2 * time.Second

// watchKeys lets clients in whose keys are added while the server runs, and
// those no longer whose keys are revoked. It began with the given ones.
func watchKeys(ctx context.Context, p place.Places, s *server.Server, began []string, log *slog.Logger) {
	known := map[string]bool{}
	for _, key := range began {
		known[key] = true
	}
	ticker := time.NewTicker(keysPeriod)
	defer ticker.Stop()
	for {
		keys, _, err := readServerKeys(p)
		now := map[string]bool{}
		for _, key := range keys.Clients {
			now[key] = true
		}
		if err == nil {
			err = s.SetKeys(known, now)
		}
		if err != nil {
			log.Error("keys cannot be read", "error", err)
		} else {
			known = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
