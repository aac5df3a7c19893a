// Command otherworker is a worker of another build: it knows one function that
// the server does not, and so means something else by its types.
package main

import (
	"os"

	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
)

// FromElsewhere holds the parameters of a function of another build.
type FromElsewhere struct {
	Strength float64 `json:"strength" min:"0" doc:"of what it does"`
}

func main() {
	catalogue, err := function.New(append(function.Builtin().All(), function.Definition{
		Name: "from_elsewhere", Version: 1, Kind: function.Planewise, Summary: "Do nothing.",
		Parameters: FromElsewhere{}, Apply: func(*function.Call) error { return nil },
	})...)
	if err != nil {
		panic(err)
	}
	os.Exit(worker.Main(worker.Options{Version: "elsewhere", Catalogue: catalogue, Getenv: os.Getenv, Log: os.Stderr}))
}
