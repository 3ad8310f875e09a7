package cli

import "github.com/spf13/cobra"

func newDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "delete",
		Short: "Delete the webhook",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
