package cli

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/supervisor/server"
)

// watchdogPeriod is half of what the service manager asks for; 0 when it asks
// for nothing, or not us.
func watchdogPeriod(getenv func(string) string) time.Duration {
	micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || micros <= 0 {
		return 0
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(micros) * time.Microsecond / 2
}

// watchdog asks the server through its own front door, as a client does, and
// tells the service manager only when it answered.
type watchdog struct {
	period   time.Duration
	curve    *control.Curve // its own keys, where the door asks for some
	endpoint string
	notify   func(state string)
	log      *slog.Logger
}

// newWatchdog prepares a watchdog, or returns nil when nobody asks for one. Where
// keys are asked for it makes its own and lets itself in.
func (a *app) newWatchdog(o *server.Options, serverKey string) (*watchdog, error) {
	period := watchdogPeriod(a.getenv)
	if period == 0 {
		return nil, nil
	}
	w := &watchdog{period: period, log: o.Logger, notify: func(state string) { notifySystemd(a.getenv, state) }}
	if o.Curve != "" {
		public, secret, err := control.NewKeys()
		if err != nil {
			return nil, err
		}
		o.CurvePeers = append(o.CurvePeers, public)
		w.curve = &control.Curve{ServerKey: serverKey, PublicKey: public, SecretKey: secret}
	}
	return w, nil
}

// run watches until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	o := control.Options{Timeout: w.period}
	if strings.HasPrefix(w.endpoint, "tcp:") {
		o.Curve = w.curve
	}
	ticker := time.NewTicker(w.period)
	defer ticker.Stop()
	for {
		_, err := control.Probe(ctx, w.endpoint, o)
		switch {
		case err == nil:
			w.notify("WATCHDOG=1")
		case ctx.Err() == nil:
			w.log.Error("the server does not answer itself", "endpoint", w.endpoint, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
