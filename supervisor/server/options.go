package server

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// Options are what a server is started with. Zero values have the defaults
// given here.
type Options struct {
	Places     place.Places // required
	Port       int          // data port; place.DefaultPort
	Control    int          // control port; place.ControlOffset above the data port
	Transports []enums.Transport
	Host       string // for TCP; 127.0.0.1
	OpenHCS    bool   // bind OpenHCS's own IPC paths too, where nothing lives there
	Home       string // the user's, for OpenHCS's paths

	Curve      string   // secret key (Z85); "" = no keys
	CurvePeers []string // public keys of clients that may connect

	Workers    int           // wells at once; the number of cores
	Spares     int           // workers started ahead of their task; negative: as the wells' length asks
	Allow      []string      // folders that clients may name; none = all
	Persistent bool          // stays when its last client has gone
	Drain      time.Duration // how long running wells may take to end when the server is stopped

	KeepHistory time.Duration // 90 days
	KeepBytes   int64         // of the store; 1 GiB

	Catalogue *function.Catalogue
	Global    []config.Layer // the server's configuration file
	Binary    string         // of the worker; default: this program
	// StartTimeout is how long a worker may take to say hello; 30 s.
	StartTimeout time.Duration
	WorkerEnv    []string // added to the workers' minimal environment

	Version  string
	LogPath  string // of the server's own log, for clients that ask
	LogLevel slog.Leveler
	Logger   *slog.Logger
	Now      func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Port == 0 {
		o.Port = place.DefaultPort
	}
	if o.Control == 0 {
		o.Control = o.Port + place.ControlOffset
	}
	if len(o.Transports) == 0 {
		o.Transports = []enums.Transport{enums.TransportIPC}
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Workers <= 0 {
		o.Workers = runtime.NumCPU()
	}
	if o.KeepHistory <= 0 {
		o.KeepHistory = 90 * 24 * time.Hour
	}
	if o.KeepBytes <= 0 {
		o.KeepBytes = 1 << 30
	}
	if o.Catalogue == nil {
		o.Catalogue = function.Builtin()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LogLevel == nil {
		o.LogLevel = slog.LevelInfo
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
