package cli

import "github.com/spf13/cobra"

func newForward() *cobra.Command {
	return &cobra.Command{
		Use:   "forward --to URL",
		Short: "Pass on a real bot's updates to a local URL",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
