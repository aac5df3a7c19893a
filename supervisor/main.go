// Command supervisor runs image-analysis pipelines over high-content-screening
// plates, one operating-system process per well. See `supervisor --help`.
package main

import (
	"os"

	"github.com/wellhouse-hcs/wellhouse/supervisor/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
