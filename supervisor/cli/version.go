package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built: -ldflags "-X …/supervisor/cli.version=1.2.3".
var version = ""

// Version names this build: the release, else the commit it was built from.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+changes"
			}
		}
	}
	if revision == "" {
		return "development"
	}
	return "0.0.0-" + revision[:min(12, len(revision))] + dirty
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, build and fingerprint",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names, err := a.vocabulary()
			if err != nil {
				return err
			}
			v := struct {
				Version     string `json:"version"`
				Go          string `json:"go"`
				Platform    string `json:"platform"`
				Fingerprint string `json:"fingerprint"`
			}{Version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, names.Fingerprint()}
			return a.show(v, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "supervisor %s\nbuilt with %s for %s\nfingerprint %s\n", v.Version, v.Go, v.Platform, v.Fingerprint)
				return err
			})
		},
	}
}
