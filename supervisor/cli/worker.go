package cli

import (
	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/failpoint"
	"github.com/wellhouse-hcs/wellhouse/worker"
)

// workerCommand is one well's process. A server starts it; a person has no use
// for it, so it is hidden.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Serve one well's task (started by a server)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if code := a.work(); code != 0 {
				return exit(code)
			}
			return nil
		},
	}
}

func (a *app) work() int {
	return worker.Main(worker.Options{
		Version: Version(), Catalogue: a.catalogue(), Getenv: a.getenv, Log: a.errs, Step: failpoint.WorkerStep(),
	})
}
