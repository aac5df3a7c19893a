package cli

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/logfile"
)

// completionPatience bounds how long a shell waits for execution ids.
const completionPatience = 500 * time.Millisecond

// completeID offers the ids of recorded executions: the server's, with their
// plates, or those that have a log when no server answers.
func (a *app) completeID(k *connection) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		if len(args) > 0 && cmd.ValidArgsFunction != nil {
			return nil, directive
		}
		o, err := a.clientOptions(k)
		if err != nil {
			return nil, directive
		}
		ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
		defer cancel()
		var ids []cobra.Completion
		if c, err := client.Connect(ctx, o); err == nil {
			defer c.Close()
			executions, err := c.History(ctx, 50, "")
			for _, x := range executions {
				ids = append(ids, cobra.CompletionWithDesc(short(x.ExecutionID), filepath.Base(x.PlateID)+", "+string(x.Status)))
			}
			if err == nil {
				return ids, directive
			}
		}
		files, _ := logfile.Dir(o.Places.Logs()).Files() // none is an answer too
		for _, f := range slices.Backward(files) {
			if f.Kind == logfile.KindExecution {
				ids = append(ids, cobra.CompletionWithDesc(short(f.Execution), f.Name()))
			}
		}
		return ids, directive
	}
}
