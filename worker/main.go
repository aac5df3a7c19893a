package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Options are what a worker process is made of.
type Options struct {
	Version   string // of the binary
	Catalogue *function.Catalogue
	Getenv    func(string) string
	// Log is the process's own standard error, which the server made a file.
	Log io.Writer
	// Serve tunes the plugin; the zero value is right for production.
	Serve plugin.ServeOptions
	// Step is called ahead of every change to the disk, see result.WithStep.
	Step func(operation, path string) error
}

// collectAt is the garbage collector's target once there are planes: they are
// few and large, so collecting early is cheap and keeps the peak close to what is
// in use. Until then, and for planes below smallPlane pixels, the runtime's own
// target spares a well that needs little all collections.
const (
	collectAt  = 20
	smallPlane = 128 * 128
)

// Main is the life of a worker process: it serves exactly one task and returns
// the exit code. It must be called with the process's original standard output
// and error in place.
func Main(o Options) int {
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: level})).With("pid", os.Getpid())
	names, err := Vocabulary(o.Catalogue)
	if err != nil {
		log.Error("worker cannot start", "error", err)
		return plugin.ExitUsage
	}
	options := o.Serve
	options.Logger = log
	w := &implementation{
		version:   o.Version,
		catalogue: o.Catalogue,
		names:     names,
		log:       log,
		level:     level,
		step:      o.Step,
		collect:   sync.OnceFunc(func() { debug.SetGCPercent(collectAt) }),
	}
	if o.Getenv("GOGC") != "" {
		w.collect = func() {}
	}
	return plugin.Serve(w, options)
}

// implementation answers the plugin's calls.
type implementation struct {
	version   string
	catalogue *function.Catalogue
	names     *registry.Registry
	log       *slog.Logger
	level     *slog.LevelVar
	step      func(operation, path string) error
	collect   func()       // called when there are planes
	lock      *result.Lock // of the well, until its outcome is written: an unreferenced file would be closed
}

var _ plugin.Implementation = (*implementation)(nil)

// Describe implements plugin.Implementation.
func (w *implementation) Describe(fingerprint string) plugin.Description {
	d := plugin.Description{Version: w.version, Fingerprint: w.names.Fingerprint()}
	for _, f := range w.catalogue.All() {
		d.Functions = append(d.Functions, fmt.Sprintf("%s %d", f.Name, f.Version))
	}
	if d.Fingerprint == fingerprint {
		return d
	}
	text, err := json.Marshal(w.names.Description())
	if err != nil {
		w.log.Error("describe registry", "error", err) // the fingerprint still says that it differs
	}
	d.Registry = text
	return d
}
