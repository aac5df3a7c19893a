package cli

import "github.com/spf13/cobra"

// commands are all of them.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.runCommand(), a.submitCommand(), a.waitCommand(), a.statusCommand(), a.cancelCommand(), a.retryCommand(),
		a.resultsCommand(), a.historyCommand(),
		a.serveCommand(), a.serversCommand(), a.pingCommand(), a.shutdownCommand(), a.psCommand(), a.keysCommand(),
		a.logsCommand(), a.plateCommand(), a.pipelineCommand(), a.configCommand(), a.functionsCommand(), a.typesCommand(),
		a.versionCommand(), a.workerCommand(),
	}
}
