package cli

import "github.com/spf13/cobra"

func newInfo() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show the state of the webhook",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
