package cli

import "github.com/spf13/cobra"

func newSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set --url URL",
		Short: "Set the webhook",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
