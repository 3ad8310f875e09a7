package cli

import "github.com/spf13/cobra"

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check URL",
		Short: "Check a webhook receiver in any language",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
