// Command supervisor runs image-analysis pipelines over high-content-screening
// plates, one operating-system process per well. See `supervisor --help`.
package main

import (
	"os"
	"runtime"

	"github.com/wellhouse-hcs/wellhouse/supervisor/cli"
)

func main() {
	// The kernel hands a signal to the first thread if that does not block it. Kept
	// for this goroutine, which waits, the thread is never stuck in work on a share
	// that hangs, and a server there can still be told to end.
	runtime.LockOSThread()
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
