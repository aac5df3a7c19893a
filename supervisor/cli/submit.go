package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) submitCommand() *cobra.Command {
	k, f := &connection{}, &submitFlags{}
	compileOnly, artifact := false, ""
	c := &cobra.Command{
		Use:     "submit PLATE --pipeline FILE",
		Short:   "Queue a plate on a running server and print its execution id",
		GroupID: "run",
		Long: `submit hands a plate to a running server and returns at once. The execution id
that it prints is for wait, status, cancel, retry, results and logs.

--compile-only checks every well and runs nothing. The checked plan is kept for
half an hour: --artifact ID runs it, and refuses if anything has changed since.`,
		Example: `  id=$(supervisor submit PLATE -p nuclei.yaml) && supervisor wait $id
  supervisor submit PLATE -p nuclei.yaml --priority 5`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.submit(cmd.Context(), k, f, args[0], compileOnly, artifact)
		},
	}
	k.flags(c)
	f.flags(c)
	c.Flags().BoolVar(&compileOnly, "compile-only", false, "check everything, run nothing")
	c.Flags().StringVar(&artifact, "artifact", "", "run the plan that a --compile-only execution checked")
	c.MarkFlagsMutuallyExclusive("compile-only", "artifact")
	_ = c.RegisterFlagCompletionFunc("artifact", a.completeID(k))
	return c
}

func (a *app) submit(ctx context.Context, k *connection, f *submitFlags, plate string, compileOnly bool, artifact string) error {
	request, err := a.request(f, plate)
	if err != nil {
		return err
	}
	request.CompileOnly, request.CompileArtifactID = compileOnly, artifact
	c, err := a.connect(ctx, k)
	if err != nil {
		return err
	}
	defer c.Close()
	accepted, err := c.Submit(ctx, request)
	if err != nil {
		return undecided(serverError(err), request.SubmissionID)
	}
	a.tellLimit(f.workers, accepted)
	return a.showAccepted(accepted)
}
