package cli

import "github.com/spf13/cobra"

func newLoad() *cobra.Command {
	return &cobra.Command{
		Use:   "load URL",
		Short: "Load a webhook receiver with realistic traffic",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
