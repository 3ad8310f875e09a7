package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// released is the version of a released binary. The release sets it by
// -ldflags "-X github.com/tghook/tghook/cmd/tghook/internal/cli.released=1.2.3".
var released string

// versionOf returns the version of this program, such as 1.2.3, or "devel" if it was built
// from a working copy.
func versionOf() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version[len("v"):]
}

// build is what version prints.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  tghook version\n  tghook version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := build{Version: versionOf(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					switch s.Key {
					case "vcs.revision":
						b.Revision = s.Value
					case "vcs.modified":
						b.Modified = s.Value == "true"
					}
				}
			}
			text := fmt.Sprintf("tghook %s (%s, %s/%s)", b.Version, b.Go, b.OS, b.Arch)
			if b.Revision != "" {
				text += " of " + b.Revision
			}
			o := outputOf(cmd)
			return o.print(b, text)
		},
	}
}
